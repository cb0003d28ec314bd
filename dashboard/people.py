"""Who may come in where a login is set up: everyone who can log in, or only people on a list.

Streamlit's `secrets.toml` holds both: `[auth]` sets the login up, and

    [people]
    allowed = ["ada@example.org", "@lab.example.org"]

names e-mail addresses, and domains with an `@` before them. No Streamlit here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from engine.errors import ConfigError

AUTH, PEOPLE, ALLOWED = "auth", "people", "allowed"
LOGIN = "ECIF_LOGIN"
"""set to 1 by the command that serves, if it found a login: it stays on even if the file is spoilt later"""


class Secrets(Protocol):
    """What is used of Streamlit's secrets."""

    def load_if_toml_exists(self) -> bool:
        """Whether a file of secrets could be read."""

    def __contains__(self, name: object) -> bool:
        """Whether a section is there."""

    def __getitem__(self, name: str) -> Any:
        """A section."""


def read_secrets(files: Iterable[str | Path]) -> dict[str, Any]:
    """What the files that exist say, later ones first in right; Streamlit itself passes over files it cannot read.

    Raises:
        ConfigError: if one cannot be read: a login that nobody notices is off would be worse than no start.
    """
    found: dict[str, Any] = {}
    for file in map(Path, files):
        if not file.is_file():
            continue
        try:
            found.update(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ConfigError("a readable secrets.toml", f"{file} ({error})", "Mend or remove it.") from error
    return found


def check_login(secrets: Mapping[str, Any]) -> bool:
    """Whether these secrets set a login up.

    Raises:
        ConfigError: if they do in a way that could not work, or list people without one.
    """
    allowed_people(secrets)
    if AUTH not in secrets:
        if PEOPLE in secrets:
            raise ConfigError("[auth] beside [people] in secrets.toml", "none", "Set the login up, or drop the list.")
        return False
    if not isinstance(secrets[AUTH], Mapping) or len(str(secrets[AUTH].get("cookie_secret", ""))) < 32:
        raise ConfigError(
            "a cookie_secret of at least 32 characters in [auth] of secrets.toml",
            "none or a shorter one",
            'Make one with `python -c "import secrets; print(secrets.token_hex())"`.',
        )
    return True


def allowed_people(secrets: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Addresses and @domains on the list, small letters; None where there is no list.

    Raises:
        ConfigError: if the list is not a list of such texts.
    """
    if PEOPLE not in secrets:
        return None
    section = secrets[PEOPLE]
    listed = section.get(ALLOWED) if isinstance(section, Mapping) else None
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) and "@" in one for one in listed):
        raise ConfigError(
            f"{ALLOWED} in [{PEOPLE}] of secrets.toml to be a list of e-mail addresses and @domains",
            repr(listed),
            'Write e.g. allowed = ["ada@example.org", "@lab.example.org"].',
        )
    return tuple(one.strip().lower() for one in listed)


def login_part(secrets: Secrets) -> dict[str, Any]:
    """What Streamlit's secrets say of the login and of who may come in; empty without a file of secrets."""
    if not secrets.load_if_toml_exists():
        return {}
    return {name: secrets[name] for name in (AUTH, PEOPLE) if name in secrets}


def login_is_asked_for(secrets: Mapping[str, Any]) -> bool:
    """Whether people must log in."""
    return os.environ.get(LOGIN) == "1" or AUTH in secrets


def is_welcome(user: Mapping[str, Any], secrets: Mapping[str, Any]) -> bool:
    """Whether this person may see pages and pictures.

    Args:
        user: what the login says: is_logged_in, email, email_verified.
        secrets: of the server.
    """
    if not login_is_asked_for(secrets):
        return True
    if user.get("is_logged_in") is not True or AUTH not in secrets:  # the list may be gone with the rest of the file
        return False
    try:
        listed = allowed_people(secrets)
    except ConfigError:
        return False
    if listed is None:
        return True
    email = str(user.get("email") or "").strip().lower()
    mailbox, _, domain = email.partition("@")
    is_unverified = str(user.get("email_verified")).lower() == "false"  # some providers say it as a text
    if not mailbox or "@" in domain or is_unverified:
        return False
    return email in listed or f"@{domain}" in listed
