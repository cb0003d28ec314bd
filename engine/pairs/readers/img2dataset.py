"""Folders that img2dataset filled, in each of its three forms.

    00000.parquet  00000_stats.json  00000.tar           webdataset
    00000.parquet  00000_stats.json  00000/000000007.jpg  files
    00000.parquet  00000_stats.json                       parquet, with the pictures in a column

Each shard's table has a row for every address that was tried. One that could not be fetched has no picture: its row
carries img2dataset's own message as the reason. Rows count through all shards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PairsError
from engine.pairs.columns import ACCEPTED
from engine.pairs.images import RejectedImage
from engine.pairs.pictures import check_picture
from engine.pairs.readers.interface import RawRow
from engine.pairs.readers.parquet import ParquetReader

SHARD = re.compile(r"(\d{5,})(\.parquet|\.tar|\.tfrecord|_stats\.json)?")
ENCODINGS = ("jpg", "png", "webp")
KEY, STATUS, MESSAGE, ADDRESS = "key", "status", "error_message", "url"
IMAGE = ACCEPTED["image"][0]
MESSAGE_CHARACTERS = 200
FAILED = "The picture was not fetched by img2dataset: {}."
UNFINISHED = (
    "The shard was not finished by img2dataset: its table is missing or cut off; run it again to have the rest."
)


class Img2datasetReader:
    """All shards of a folder."""

    name = "img2dataset output"
    accepts = "a folder that img2dataset filled"

    def takes(self, path: Path) -> bool:
        """Whether the folder holds the numbers that img2dataset writes about a shard."""
        if not path.is_dir():
            return False
        with os.scandir(path) as found:
            return any(one.name.endswith("_stats.json") and SHARD.fullmatch(one.name) for one in found)

    def columns(self, path: Path) -> list[str]:
        """Image, and the columns of the first shard's table that can be read.

        Raises:
            PairsError: if no table can be read, or the form is TFRecord.
        """
        for shard in _shards(path):
            if shard.table is not None:
                try:
                    return [IMAGE, *(name for name in ParquetReader().columns(shard.table) if name != IMAGE)]
                except PairsError:
                    if shard.is_finished:
                        raise
        raise PairsError("a shard with its table (00000.parquet)", f"none in {path}", "Run img2dataset again.")

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all tables, and one for each shard whose table cannot be read.

        Raises:
            PairsError: if the table of a finished shard cannot be read, or the form is TFRecord.
        """
        for shard in _shards(path):
            try:
                if shard.table is not None:
                    yield from _rows(shard, columns)
                    continue
            except PairsError:
                if shard.is_finished:
                    raise
            yield RawRow({}, UNFINISHED, str(shard.stem))


@dataclass(frozen=True)
class _Shard:
    """The files with one number."""

    stem: Path
    """their path without what follows the number"""
    kinds: frozenset[str]
    """what follows the number; "" stands for a folder"""

    @property
    def table(self) -> Path | None:
        """Its table; None if there is none."""
        return self.stem.with_name(f"{self.stem.name}.parquet") if ".parquet" in self.kinds else None

    @property
    def is_finished(self) -> bool:
        """Whether img2dataset came to its end: the numbers about it are written last."""
        return "_stats.json" in self.kinds

    @property
    def place(self) -> Path | None:
        """Where its pictures lie; None if that is its table."""
        if ".tar" in self.kinds:
            return self.stem.with_name(f"{self.stem.name}.tar")
        return self.stem if "" in self.kinds else None


def _shards(path: Path) -> list[_Shard]:
    kinds: dict[str, set[str]] = {}
    with os.scandir(path) as entries:
        for one in entries:
            found = SHARD.fullmatch(one.name)
            if found and bool(found[2]) == one.is_file():
                kinds.setdefault(found[1], set()).add(found[2] or "")
    if any(".tfrecord" in those for those in kinds.values()):
        raise PairsError(
            "img2dataset output as webdataset, files or parquet",
            f"TFRecord files in {path}",
            "Run it again with --output_format webdataset.",
        )
    return [
        _Shard(path / number, frozenset(kinds[number])) for number in sorted(kinds, key=lambda one: (int(one), one))
    ]


def _rows(shard: _Shard, columns: Sequence[str]) -> Iterator[RawRow]:
    reader, encoding = ParquetReader(), None
    known = reader.columns(shard.table)
    wanted = [name for name in columns if name in known and (name != IMAGE or shard.place is None)]
    beside = [name for name in (KEY, STATUS, MESSAGE, ADDRESS) if name in known]
    for row in reader.rows(shard.table, list(dict.fromkeys([*wanted, *beside]))):
        status = row.values.get(STATUS)
        if status is not None and status != "success":
            yield RawRow({}, FAILED.format(_one_line(row.values.get(MESSAGE) or status)), str(row.values.get(ADDRESS)))
        elif shard.place is None:
            yield row
        else:
            key = str(row.values.get(KEY))
            encoding = encoding or _encoding(shard.place, key)
            yield RawRow({**row.values, IMAGE: f"{key}.{encoding or ENCODINGS[0]}"}, images=shard.place)


def _encoding(place: Path, key: str) -> str | None:
    """How a shard's pictures are encoded, by one of them; None if it is not there."""
    for encoding in ENCODINGS:
        try:
            check_picture(place, f"{key}.{encoding}")
        except RejectedImage:
            continue
        return encoding
    return None


def _one_line(message: object) -> str:
    """What strangers' servers answered, fit for a sentence."""
    return " ".join(str(message).split())[:MESSAGE_CHARACTERS].rstrip(".") or "no message"
