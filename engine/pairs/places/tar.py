"""Pictures that are members of a tar, such as a webdataset shard: read where they lie, never unpacked."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.pairs.images import BIG_FILE, CUT_OFF_FILE, EMPTY_FILE, MAX_FILE_BYTES, MISSING, NO_ACCESS, RejectedImage
from engine.pairs.places.tar_members import tar_members

KEPT_INDEXES = 2**15
"""tars whose members are remembered, 24 bytes for each member"""
SMALL_INDEX_BYTES = 2**12
"""an index that is not larger stays in memory"""
_ONE_AT_A_TIME = threading.Lock()


class TarPlace:
    """An uncompressed tar. A name that two members have means the first."""

    def takes(self, place: Path) -> bool:
        """Whether it is a .tar file."""
        return place.suffix.lower() == ".tar" and place.is_file()

    def find(self, place: Path, image: str) -> str:
        """The tar and the member's place in it.

        Raises:
            RejectedImage: if there is no such member, or it is empty or too large.
        """
        return f"{place}:{_member(place, image)[0]}"

    def read(self, place: Path, image: str) -> bytes:
        """The member's bytes.

        Raises:
            RejectedImage: as `find`, or if the tar cannot be read.
        """
        offset, size = _member(place, image)
        try:
            with place.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), size, offset)
        except OSError as error:
            raise RejectedImage(NO_ACCESS) from error
        if len(data) < size:
            raise RejectedImage(CUT_OFF_FILE)
        return data


def first_offset(place: Path, name: str) -> int | None:
    """Where in a tar the bytes of the first member of that name begin; None without one.

    Raises:
        OSError: if the tar cannot be read.
    """
    found = _index_of(place).find(name)
    return None if found is None else found[0]


@dataclass(frozen=True)
class _Index:
    """The members of a tar by their names' hashes."""

    hashes: np.ndarray
    """`[members]`, ascending"""
    offsets: np.ndarray
    sizes: np.ndarray

    def find(self, name: str) -> tuple[int, int] | None:
        """Offset and size in bytes; None without such a member."""
        wanted = hash(name)
        at = int(np.searchsorted(self.hashes, wanted))
        if at == len(self.hashes) or self.hashes[at] != wanted:
            return None
        return int(self.offsets[at]), int(self.sizes[at])


def _member(place: Path, image: str) -> tuple[int, int]:
    try:
        found = _index_of(place).find(image)
    except FileNotFoundError as error:
        raise RejectedImage(MISSING) from error
    except OSError as error:
        raise RejectedImage(NO_ACCESS) from error
    if found is None:
        raise RejectedImage(MISSING)
    if not found[1]:
        raise RejectedImage(EMPTY_FILE)
    if found[1] > MAX_FILE_BYTES:
        raise RejectedImage(BIG_FILE)
    return found


def _index_of(place: Path) -> _Index:
    stat = place.stat()
    with _ONE_AT_A_TIME:  # else every thread would walk a new tar
        return _index(place, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=KEPT_INDEXES)
def _index(place: Path, size: int, modified: int) -> _Index:
    """The index of the tar as it was then."""
    found = [(hash(one.name), one.offset, one.size) for one in tar_members(place) if one.problem is None]
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    columns = columns[np.argsort(columns[:, 0], kind="stable")]  # of equal names the first stays first
    return _Index(*_mapped(np.ascontiguousarray(columns.T)))


def _mapped(columns: np.ndarray) -> np.ndarray:
    """The same, mapped from a temporary file without a name: the system keeps in memory what is used."""
    if columns.nbytes <= SMALL_INDEX_BYTES:
        return columns
    with contextlib.suppress(OSError), tempfile.TemporaryFile() as file:
        columns.tofile(file)
        file.flush()
        return np.memmap(file, columns.dtype, "r", shape=columns.shape)
    return columns  # no room for temporary files
