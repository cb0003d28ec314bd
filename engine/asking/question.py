"""A question about one picture. It comes from strangers: everything is checked before the engine sees it. No torch."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.pairs import RejectedImage
from engine.pairs.images import EMPTY_FILE, MISSING, NOT_A_FILE, read_bytes

MAX_PICTURE_BYTES = 20 * 2**20
MAX_PICTURE_PIXELS = 40_000_000
"""some 120 MB once decoded"""
MAX_CAPTION_CHARACTERS = 5_000
MAX_TOP = 200
BIG_PICTURE = f"The picture is larger than {MAX_PICTURE_BYTES // 2**20} MiB."


@dataclass(frozen=True)
class Question:
    """A picture, and what it should be.

    Raises:
        RejectedImage: if the picture is empty or too large to look at.
        ConfigError: if the caption is no text a model can read, or `top` is out of range.
    """

    picture: bytes
    """an image file"""
    caption: str | None = None
    """None or blank: no question about a caption"""
    label: str | None = None
    """class that the picture should be; None explains the model's own answer, where no caption is given"""
    top: int = 10
    """most pairs per side, and nearest pairs of each kind"""

    def __post_init__(self) -> None:
        if not self.picture:
            raise RejectedImage(EMPTY_FILE)
        if len(self.picture) > MAX_PICTURE_BYTES:
            raise RejectedImage(BIG_PICTURE)
        for name in ("caption", "label"):
            object.__setattr__(self, name, _checked_text(name, getattr(self, name)))
        if not isinstance(self.top, int) or isinstance(self.top, bool) or not 1 <= self.top <= MAX_TOP:
            raise ConfigError(f"from 1 to {MAX_TOP} pairs per side", repr(self.top), "Change --top.")

    @property
    def digest(self) -> str:
        """Hex digits that tell this question from any other."""
        told = hashlib.sha256(repr((self.caption, self.label, self.top)).encode("utf-8"))
        told.update(self.picture)
        return told.hexdigest()

    def to_message(self) -> dict[str, Any]:
        """What `from_message` reads back, ready for JSON."""
        picture = base64.b64encode(self.picture).decode("ascii")
        return {"picture": picture, "caption": self.caption, "label": self.label, "top": self.top}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Question:
        """The question in a message.

        Raises:
            RejectedImage: as above.
            ConfigError: as above, or if the message is not one that `to_message` wrote.
        """
        try:
            picture = base64.b64decode(message["picture"], validate=True)
            return cls(picture, message["caption"], message["label"], message["top"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise ConfigError("a question", f"a message that is none ({error})", "Ask again.") from error


def read_picture(path: str | Path) -> bytes:
    """The bytes of a picture to ask about.

    Raises:
        RejectedImage: if there is no such file, or it cannot be opened, is empty or too large.
    """
    path = Path(path)
    if not path.is_file():  # a pipe or a device would be read without end
        raise RejectedImage(NOT_A_FILE if path.exists() else MISSING)
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise RejectedImage(BIG_PICTURE)
    return read_bytes(path)


def _checked_text(name: str, text: str | None) -> str | None:
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    is_text = isinstance(text, str) and "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    if not is_text or len(text) > MAX_CAPTION_CHARACTERS:
        raise ConfigError(
            f"a {name} of at most {MAX_CAPTION_CHARACTERS:,} characters of text",
            f"{len(text):,} characters" if is_text else "something that is not text",
            "Change it.",
        )
    return text.strip()
