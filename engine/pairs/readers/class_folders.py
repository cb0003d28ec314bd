"""Pictures sorted into one folder per class, as for torchvision's ImageFolder.

    folder/red_bus/0001.jpg              class "red bus"
    folder/red_bus/more/0002.jpg         the same: the class is the first folder
    folder/train/red_bus/0001.jpg        where every folder is called by a split: the folder below it
    folder/test/red_bus/0009.jpg

A picture is a pair: its label is the class, its caption the template (`--caption-template`) with the class in it.
Hidden files and files that have no picture's suffix (a .txt beside it, say) are no rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.pairs.columns import SPLITS
from engine.pairs.images import PICTURE_SUFFIXES
from engine.pairs.readers.interface import RawRow

NO_CLASS = "The picture lies in no class's folder."
LINK = "The folder is a link, and links are not followed; put the folder itself there."
LOOKED_AT = 10_000
"""files that are looked at for the first picture"""


class ClassFoldersReader:
    """The pictures of a folder, class by class in the order of their names."""

    name = "class folders"
    accepts = "a folder with a folder of pictures for every class"

    def takes(self, path: Path) -> bool:
        """Whether the folder has a picture in the folder of some class."""
        if not path.is_dir():
            return False
        depth = _depth(path)
        return any(name.count("/") > depth for name, _ in islice(_pictures(path), LOOKED_AT))

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
    with os.scandir(path) as found:
        folders = [one.name for one in found if one.is_dir() and not one.name.startswith(".")]
    return int(bool(folders) and all(name.casefold() in SPLITS for name in folders))


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
