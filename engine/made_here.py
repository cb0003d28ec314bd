"""Which tables of pairs were written here, by this user's own runs.

A table of pairs says where its pictures lie. In a run folder that came from somebody else it could name any folder of
this machine, so pictures are only read for tables that are known: an empty file with the table's SHA-256 for a name is
kept outside of all run folders, where nobody else can write. A copied or moved run folder stays known; one that was
changed, or comes from another machine or user, does not. No torch here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def known_tables() -> Path:
    """The folder of names: `ecif/made_here` in `$XDG_STATE_HOME`, which is `~/.local/state` if it is not set."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "ecif" / "made_here"


def remember(table: Path) -> None:
    """Make a table known; where the folder cannot be written, only small pictures will be shown."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home
        known_tables().mkdir(parents=True, exist_ok=True, mode=0o700)
        (known_tables() / _digest(table)).touch()


def is_made_here(table: Path) -> bool:
    """Whether a run of this user wrote exactly this table."""
    try:
        return (known_tables() / _digest(table)).is_file()
    except (OSError, RuntimeError):
        return False


def _digest(table: Path) -> str:
    with table.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
