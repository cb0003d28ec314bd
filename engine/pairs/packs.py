"""Thumbnails in packs: files of many WebP pictures one after the other, since a million files are slow to copy.

    thumbnails/00017.pack

A thumbnail's name, the column `thumbnail` of the pairs table, says where it lies: `00017-001234567-004321-HASH.webp` is
the pack, the offset of its first byte, its number of bytes, and the first digits of the SHA-256 of these bytes. So no
index is needed, a name can never come to mean another picture, and of a damaged pack nothing wrong is shown.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

NAME = re.compile(r"([0-9]{5,7})-([0-9]{9})-([0-9]{6})-([0-9a-f]{16})\.webp")
HEADER_BYTES = 12
_OPENED_AS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""a stranger's folder may hold links, and pipes that would never answer"""


def pack_path(folder: Path, number: int) -> Path:
    """The pack with a number in a folder of thumbnails."""
    return folder / f"{number:05d}.pack"


def thumbnail_name(number: int, offset: int, data: bytes) -> str:
    """The name of a thumbnail.

    Args:
        number: of its pack.
        offset: of its first byte in there.
        data: the WebP picture, less than 1 MB.
    """
    return f"{number:05d}-{offset:09d}-{len(data):06d}-{hashlib.sha256(data).hexdigest()[:16]}.webp"


def thumbnail_bytes(folder: Path, name: str) -> bytes | None:
    """A thumbnail as it is stored; None for a name that is none, a link, and a pack that is absent or damaged.

    Args:
        folder: the folder of thumbnails of a run; no file but a pack that lies in it is opened.
        name: any text.
    """
    found = NAME.fullmatch(name)
    if found is None or folder.is_symlink():
        return None
    number, offset, size = (int(one) for one in found.groups()[:3])
    try:
        data = _read(pack_path(folder, number), offset, size)
    except OSError:
        return None
    is_whole = len(data) == size and hashlib.sha256(data).hexdigest()[:16] == found[4]
    return data if is_whole and _is_webp(data) else None


def _read(pack: Path, offset: int, size: int) -> bytes:
    file = os.open(pack, _OPENED_AS)
    try:
        return os.pread(file, size, offset) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    finally:
        os.close(file)


def _is_webp(data: bytes) -> bool:
    """Whether the bytes begin as a WebP file that is as long as it says."""
    says = int.from_bytes(data[4:8], "little") + 8
    return len(data) > HEADER_BYTES and data[:4] == b"RIFF" and data[8:12] == b"WEBP" and says == len(data)
