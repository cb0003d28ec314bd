"""The members of a tar, by their headers alone: nothing is unpacked, and no header makes us read or keep much.

Python's own `tarfile` stops silently at a damaged header and reads whatever length a name claims to have, so the blocks
are walked here; it still parses each block.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = tarfile.BLOCKSIZE
MAX_EXTRA_BYTES = 2**16
"""of a header that holds a long name"""
PLAIN_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
WITH_DATA = (*PLAIN_FILES, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)
WITHOUT_DATA = set(tarfile.SUPPORTED_TYPES) - set(WITH_DATA)
LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
CUT_OFF = "The tar file is cut off here; what followed is lost."
DAMAGED_TAR = "The tar file is damaged here; what follows cannot be read."


@dataclass(frozen=True, slots=True)
class Member:
    """One plain file in a tar, or the place where the tar cannot be read on."""

    name: str
    """as written; bytes that are no UTF-8 stand as lone surrogates"""
    offset: int
    """of its first byte in the tar"""
    size: int
    """bytes"""
    problem: str | None = None
    """why the tar ends here for us; None for a file"""


def tar_members(path: Path) -> Iterator[Member]:
    """The plain files in a tar in its order; links, devices and folders are passed over.

    A tar that is damaged or cut off gives what lies before, and then one member with a problem.

    Raises:
        OSError: if it cannot be read at all.
    """
    total, position = path.stat().st_size, 0
    long_name: str | None = None
    long_size: int | None = None
    with path.open("rb") as file:
        while position < total:
            file.seek(position)
            block = file.read(BLOCK)
            if block == bytes(BLOCK):
                return
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                yield Member(long_name or "", position, 0, CUT_OFF if len(block) < BLOCK else DAMAGED_TAR)
                return
            name = header.name if long_name is None else long_name
            size = header.size if long_size is None else long_size
            start = position + BLOCK
            position = start + (0 if header.type in WITHOUT_DATA else -(-size // BLOCK) * BLOCK)
            if size < 0 or header.size < 0:
                yield Member(name, start, 0, DAMAGED_TAR)
                return
            if header.type in LONG_NAMES:
                position = start + -(-header.size // BLOCK) * BLOCK
                try:
                    long_name, long_size = _extra(file, header, long_name, long_size)
                except ValueError:
                    yield Member(name, start, 0, DAMAGED_TAR)
                    return
                continue
            if header.type in PLAIN_FILES:
                if start + size > total:
                    yield Member(name, start, 0, CUT_OFF)
                    return
                yield Member(name, start, size)
            long_name = long_size = None
    yield Member("", position, 0, CUT_OFF)  # a whole tar ends with a block of zeros


def _extra(
    file: BinaryIO, header: tarfile.TarInfo, name: str | None, size: int | None
) -> tuple[str | None, int | None]:
    """Name and size of the next member with what an extra header says about them; ValueError if it is none."""
    if header.size > MAX_EXTRA_BYTES:
        raise ValueError
    data = file.read(header.size)
    if len(data) < header.size:
        raise ValueError
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape"), size
    while data.strip(b"\0"):  # "LENGTH key=value\n", again and again
        digits, space, _ = data.partition(b" ")
        length = int(digits)
        record, data = data[len(digits) + 1 : length - 1], data[length:]
        if not space or length <= len(digits) + 1:
            raise ValueError
        key, _, value = record.partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif key == b"size":
            size = int(value)
    return name, size
