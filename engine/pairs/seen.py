"""Seeing many pictures, part by part: a killed run never decodes again what a finished part holds.

Each `PICTURES_A_PART` pictures in a row are one part, beside each other in the folder of thumbnails:

    00017.pack   their thumbnails (`engine.pairs.packs`)
    00017.seen   a Parquet table of what was seen, or why a picture was rejected; it is finished after its pack

A part holds for the same pictures only, by name, size and time of change, after the same parts. The tables are taken
away when the pairs table is finished, which says the same. Copies of one picture share one thumbnail.

Pictures are decoded in threads: 97 % of the work is done outside Python's lock, and processes took 5 % more time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.pairs.fingerprint import Fingerprint, fingerprint
from engine.pairs.images import RejectedImage
from engine.pairs.packs import pack_path, thumbnail_name
from engine.runs import finished_as, storage_errors

PICTURES_A_PART = 2048
"""what a kill costs: with 640 × 480 pixels each, 16 seconds of one processor"""
MAX_THREADS = 16
AHEAD = 8
"""pictures that are begun for each thread before the first of them is asked for"""
SEEN = pa.schema(
    [
        *((one.name, pa.int64() if one.name in ("width", "height") else pa.string()) for one in fields(Fingerprint)),
        ("reason", pa.string()),
    ]
)
"""`reason` is null for a picture that can be used, all else for one that cannot"""
PICTURES = b"pictures"
"""in the metadata of a table: which pictures it is about, as a hash"""
UNFINISHED = ("*.seen", "*.part")

Picture = tuple[str, str]
"""place and name"""
Seen = Fingerprint | str
"""what was seen, or why the picture cannot be used"""


def fingerprints(
    pictures: Iterable[Picture],
    total: int,
    thumbnails: Path | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Seen]:
    """See many images on all cores, in order; an image that cannot be used gives its reason.

    Args:
        pictures: place and name of each.
        total: how many there are, for `progress`.
        thumbnails: folder for thumbnails (made if needed), where finished parts are found again; None makes none.
        progress: called with (done, total).

    Raises:
        StorageError: if a thumbnail cannot be written.
    """
    if thumbnails is not None:
        with storage_errors(thumbnails):
            thumbnails.mkdir(parents=True, exist_ok=True)
    remaining, done, parts, chain = iter(pictures), 0, 0, b""
    known: dict[str, Fingerprint] = {}
    with _pool() as pool:
        for parts in count():
            some = list(islice(remaining, PICTURES_A_PART))
            if not some:
                break
            look = _Look(pool, known, thumbnails is not None)
            if thumbnails is None:
                found = (seen for seen, _ in look.all(some))
            else:
                chain = _about(some, chain)
                found = _finished(thumbnails, parts, len(some), chain)
                if found is None:
                    found = _written(thumbnails, parts, look.all(some), known, chain)
            for seen in found:
                done += 1
                if isinstance(seen, Fingerprint):
                    seen = known.setdefault(seen.content_hash, seen)
                if progress is not None:
                    progress(done, total)
                yield seen
    if thumbnails is not None:
        _remove_from(thumbnails, parts)


def remove_unfinished(thumbnails: Path) -> None:
    """Take away what only continues an unfinished pairs table."""
    with storage_errors(thumbnails):
        for path in (path for pattern in UNFINISHED for path in thumbnails.glob(pattern)):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing more after an error."""
    pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Look:
    """Sees pictures in the threads of a pool; but for copies, each is decoded once."""

    def __init__(self, pool: ThreadPoolExecutor, known: dict[str, Fingerprint], with_thumbnails: bool) -> None:
        self.pool, self.known, self.with_thumbnails = pool, known, with_thumbnails

    def all(self, pictures: Sequence[Picture]) -> Iterator[tuple[Seen, bytes]]:
        """What was seen and the thumbnail of each, in order; few are ahead of the one that is taken."""
        begun, most = deque(), AHEAD * MAX_THREADS
        for picture in pictures:
            begun.append(self.pool.submit(self._one, picture))
            if len(begun) == most:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()

    def _one(self, picture: Picture) -> tuple[Seen, bytes]:
        try:
            return fingerprint(*picture, self.known, self.with_thumbnails)
        except RejectedImage as error:
            return error.reason, b""


def _written(
    folder: Path, number: int, looked: Iterable[tuple[Seen, bytes]], known: Mapping[str, Fingerprint], about: bytes
) -> Iterator[Seen]:
    """The pictures of a part, which is finished when the last has been taken; what is taken must be known then."""
    found: list[Seen] = []
    offset = 0
    with finished_as(pack_path(folder, number)) as part, part.open("wb") as file:
        for seen, webp in looked:
            if isinstance(seen, Fingerprint):
                first = known.get(seen.content_hash)  # a copy may have been decoded before the first was known
                if first is None:
                    seen = replace(seen, thumbnail=thumbnail_name(number, offset, webp))
                    file.write(webp)
                    offset += len(webp)
                else:
                    seen = first
            found.append(seen)
            yield seen
    rows = [{"reason": one} if isinstance(one, str) else asdict(one) for one in found]
    table = pa.Table.from_pylist(rows, SEEN.with_metadata({PICTURES: about}))
    with finished_as(_table_path(folder, number)) as part:
        pq.write_table(table, part)


def _finished(folder: Path, number: int, num_pictures: int, about: bytes) -> Iterator[Seen] | None:
    """The pictures of a part that is finished; None if it is not, or is about other pictures."""
    path = _table_path(folder, number)
    if not (path.is_file() and pack_path(folder, number).is_file()):
        return None
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):  # damaged: the part is done again
        return None
    if not table.schema.equals(SEEN) or (table.schema.metadata or {}).get(PICTURES) != about:
        return None
    if table.num_rows != num_pictures:
        return None
    return (row.pop("reason") or Fingerprint(**row) for row in table.to_pylist())


def _about(pictures: Sequence[Picture], before: bytes) -> bytes:
    """Which pictures these are, as they are now, after those before them."""
    digest = hashlib.sha256(before)
    for place, image in pictures:
        digest.update(f"{place}\0{image}\0{_stamp(place, image)}\0".encode())
    return digest.hexdigest().encode()


def _stamp(place: str, image: str) -> str:
    """Size and time of change of the file that holds a picture; empty for a cell of a folder of tables."""
    for path in (os.path.join(place, image), place):  # noqa: PTH118 - `Path` takes as long again
        with contextlib.suppress(OSError):
            found = os.stat(path)  # noqa: PTH116
            return f"{found.st_size}-{found.st_mtime_ns}"
    return ""


def _table_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.seen"


def _remove_from(folder: Path, number: int) -> None:
    """Take away the parts of a data set that was larger when the run was killed."""
    for path in (*folder.glob("*.pack"), *folder.glob("*.seen")):
        if path.stem.isdecimal() and int(path.stem) >= number:
            path.unlink()
