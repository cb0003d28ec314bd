"""Pictures sorted into one folder per class, as for torchvision's ImageFolder.

    folder/red_bus/0001.jpg              class "red bus"
    folder/red_bus/more/0002.jpg         the same: the class is the first folder
    folder/train/red_bus/0001.jpg        where every folder is called by a split: the folder below it
    folder/test/red_bus/0009.jpg

A picture is a pair: its label is the class, its caption the template (`--caption-template`) with the class in it.
Hidden files and files that have no picture's suffix (a .txt beside it, say) are no rows. Where a table lies beside the
classes, the table is asked for instead: a folder `images` is no class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.pairs.columns import SPLITS
from engine.pairs.images import PICTURE_SUFFIXES
from engine.pairs.readers.interface import RawRow

NO_CLASS = "The picture lies in no class's folder."
LINK = "The folder is a link, and links are not followed; put the folder itself there."
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".tar")
PART = re.compile(rf"({'|'.join(SPLITS)})[-_ ]?\d+", re.IGNORECASE)
"""folders of COCO and the like: train2017 is no class"""
LOOKED_AT = 1000
"""files of a folder that are looked at to know whether it is a class"""
LEAST_SHARE = 0.3
"""of pictures among them: a text or two may lie beside each"""


class ClassFoldersReader:
    """The pictures of a folder, class by class in the order of their names."""

    name = "class folders"
    accepts = "a folder with a folder of pictures for each of two or more classes"

    def takes(self, path: Path) -> bool:
        """Whether there are two classes and nothing else: no table, and no folder of other things."""
        if not path.is_dir():
            return False
        above = [path / name for name in _folders(path)] if _depth(path) else [path]
        if any(one.suffix.lower() in TABLES for folder in {path, *above} for one in folder.iterdir()):
            return False
        shares = [(name, _share(folder / name)) for folder in above for name in _folders(folder)]
        filled = [(name, share) for name, share in shares if share is not None]
        are_classes = all(share >= LEAST_SHARE and not PART.fullmatch(name) for name, share in filled)
        return are_classes and len({name for name, _ in filled}) > 1

    def columns(self, path: Path) -> list[str]:
        """image, caption and label, and split if every folder is called by one."""
        return ["image", "caption", "label", *(["split"] if _depth(path) else [])]

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """A row per picture, and one with a problem per folder that is a link."""
        depth = _depth(path)
        for name, problem in _pictures(path):
            folders = name.split("/")[:-1]
            if problem or len(folders) <= depth:
                yield RawRow({}, problem or NO_CLASS, name)
                continue
            class_name = folders[depth].replace("_", " ").strip() or folders[depth]
            cells = {"image": name, "label": class_name, "split": folders[0]}
            yield RawRow({key: cells.get(key) for key in columns}, class_name=class_name)


def _depth(path: Path) -> int:
    """How many folders stand above the classes: 1 if all are called by a split, else 0."""
    folders = _folders(path)
    return int(bool(folders) and all(name.casefold() in SPLITS for name in folders))


def _folders(path: Path) -> list[str]:
    """Names of the visible folders in a folder."""
    with os.scandir(path) as found:
        return [one.name for one in found if one.is_dir() and not one.name.startswith(".")]


def _share(folder: Path) -> float | None:
    """The share of pictures among the first visible files in a folder; None if there are no files."""
    found = (name for _, _, names in os.walk(folder) for name in names if not name.startswith("."))
    some = list(islice(found, LOOKED_AT))
    return sum(Path(name).suffix.lower() in PICTURE_SUFFIXES for name in some) / len(some) if some else None


def _pictures(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Pictures by their names relative to the folder, with slashes; a folder that is a link with why it stays out."""
    waiting = [""]
    while waiting:
        inside, below = waiting.pop(), []
        with os.scandir(folder / inside) as found:
            entries = sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
        for one in entries:
            name = f"{inside}{one.name}"
            if one.is_dir(follow_symlinks=False):
                below.append(f"{name}/")
            elif one.is_dir():
                yield name, LINK
            elif Path(one.name).suffix.lower() in PICTURE_SUFFIXES:
                yield name, None
        waiting += reversed(below)
