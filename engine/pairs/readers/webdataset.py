"""Shards of webdataset: tars in which neighbouring files with the same key are one pair.

    000017.jpg  000017.txt  000017.json  000017.cls

The key is the name up to the first dot after the last slash, as the library has it; what follows says what it is: a
picture, the caption (.txt or .caption, else caption, text or title in .json), the label (.cls, else in .json). From
.json come pair_id and split too. Nothing is unpacked: pictures stay where they lie, only texts are read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import PairsError
from engine.pairs.columns import ACCEPTED
from engine.pairs.images import PICTURE_SUFFIXES
from engine.pairs.places.tar import first_offset
from engine.pairs.places.tar_members import Member, tar_members
from engine.pairs.readers.interface import RawRow

METADATA = re.compile(r"__[^/]*__($|/)")
CAPTIONS = ("txt", "caption")
OPTIONAL = ("label", "pair_id", "split")
SAMPLES_FOR_COLUMNS = 1000
MAX_TEXT_BYTES = 2**24
BOM = b"\xef\xbb\xbf"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
NO_PICTURE = "The tar holds no picture with this key."
SEVERAL_PICTURES = "The tar holds several pictures with this key."
NO_TEXT = "The tar holds no caption with this key (.txt, .caption, or caption, text or title in .json)."
SAME_NAME = "An earlier file in the tar has the same name."
BAD_JSON = "The .json with this key is no JSON object."
LONG_TEXT = f"A text with this key is longer than {MAX_TEXT_BYTES // 2**20} MiB."


class WebDatasetReader:
    """One tar. Where it is cut off or damaged, the pairs before count and one row says what happened."""

    name = "a webdataset shard"
    accepts = ".tar (webdataset)"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .tar, or that of a compressed tar, which is refused with a better sentence."""
        return path.is_file() and path.name.lower().endswith((".tar", *COMPRESSED))

    def columns(self, path: Path) -> list[str]:
        """Image and caption; label, pair_id and split if one of the first thousand keys has them.

        Raises:
            PairsError: if it is no tar, or a compressed one.
        """
        first = next(tar_members(path), None)
        if path.suffix.lower() != ".tar" or (
            first is not None and first.problem and not first.offset and path.stat().st_size
        ):
            raise PairsError(
                "a readable .tar, not compressed",
                f"{path}",
                "Decompress it (gunzip, unzstd): pictures are read where they lie in it.",
            )
        known = {name for row in islice(_rows(path), SAMPLES_FOR_COLUMNS) for name in row.values}
        return ["image", "caption", *(name for name in OPTIONAL if name in known)]

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """One row per key."""
        for row in _rows(path):
            values = {name: row.values.get(name) for name in columns}
            yield RawRow(values, row.problem, row.raw, images=path)


@dataclass
class _Keyed:
    """The neighbouring files with one key."""

    key: str
    files: dict[str, Member] = field(default_factory=dict)
    """what follows the key, in lower case → file"""
    problem: str | None = None

    @property
    def pictures(self) -> list[Member]:
        """Those called KEY.SUFFIX; where there is none, KEY.ANYTHING.SUFFIX."""
        found = {kind: one for kind, one in self.files.items() if f".{kind.split('.')[-1]}" in PICTURE_SUFFIXES}
        return [one for kind, one in found.items() if "." not in kind] or list(found.values())


def _rows(path: Path) -> Iterator[RawRow]:
    """The values that there are, by meaning."""
    keyed: _Keyed | None = None
    with path.open("rb", buffering=0) as file:
        for one in tar_members(path):
            if one.problem:
                before = _row(path, file.fileno(), keyed) if keyed else None
                if before is not None and before.problem is None:
                    yield before  # else the files that are missing from it may be those that were lost
                yield RawRow({}, one.problem, keyed.key if before is not None and before.problem else one.name)
                return
            key, kind = _key_and_kind(one.name)
            if not key or METADATA.match(one.name):
                continue
            if keyed is None or key != keyed.key:
                if keyed is not None:
                    yield _row(path, file.fileno(), keyed)
                keyed = _Keyed(key)
            if kind in keyed.files:
                keyed.problem = SAME_NAME
            keyed.files.setdefault(kind, one)
        if keyed is not None:
            yield _row(path, file.fileno(), keyed)


def _key_and_kind(name: str) -> tuple[str, str]:
    """What the library's pattern ((?:.*/|)[^.]+)[.]([^/]*) finds, or "" twice.

    The pattern itself takes 20 seconds for a name of 60,000 slashes.
    """
    folder, slash, last = name.rpartition("/")
    stem, dot, kind = last.partition(".")
    if not dot or not (stem or slash) or (not stem and "." in folder.rpartition("/")[2]):
        return "", ""
    return folder + slash + stem, kind.lower()


def _row(path: Path, tar: int, keyed: _Keyed) -> RawRow:
    pictures = keyed.pictures
    texts = {kind: keyed.files[kind] for kind in (*CAPTIONS, "json", "cls") if kind in keyed.files}
    if keyed.problem:
        return RawRow({}, keyed.problem, keyed.key)
    if len(pictures) != 1:
        return RawRow({}, SEVERAL_PICTURES if pictures else NO_PICTURE, keyed.key)
    if any(one.size > MAX_TEXT_BYTES for one in texts.values()):
        return RawRow({}, LONG_TEXT, keyed.key)
    if first_offset(path, pictures[0].name) != pictures[0].offset:
        return RawRow({}, SAME_NAME, keyed.key)
    values, caption = {}, next((kind for kind in CAPTIONS if kind in texts), None)
    if "json" in texts:
        found = _object(os.pread(tar, texts["json"].size, texts["json"].offset))
        if found is None:
            return RawRow({}, BAD_JSON, keyed.key)
        for meaning in ("caption", *OPTIONAL):
            name = next((name for name in ACCEPTED[meaning] if found.get(name) is not None), None)
            if name is not None:
                values[meaning] = found[name]
    if caption is not None:
        values["caption"] = _text(os.pread(tar, texts[caption].size, texts[caption].offset))
    if "cls" in texts:
        values["label"] = _text(os.pread(tar, texts["cls"].size, texts["cls"].offset))
    if "caption" not in values:
        return RawRow({}, NO_TEXT, keyed.key)
    return RawRow({"image": pictures[0].name, **values})


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data.removeprefix(BOM).decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(data: bytes) -> str:
    return data.removeprefix(BOM).decode("utf-8", "surrogateescape").rstrip("\r\n")
