"""Where the pictures of a captions file lie that names them without saying the folder."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import Any

TRIED = 64
"""names that are looked for: the first ones may be lost"""
SUBFOLDERS = ("images", "Images")


def picture_folder(table: Path, names: Iterable[Any], words: Iterable[str]) -> Path:
    """The folder that holds most of the first pictures; the table's own if none holds any.

    Only folders that belong to the table are tried: its own, the sub-folders images and `words`, and those called
    by one of `words` beside its folder. Links that lead away are not followed: such a folder is named with --images.

    Args:
        table: the captions file.
        names: of its pictures; what is no text is passed over.
        words: names of folders that its pictures may lie in.
    """
    own = table.parent.resolve()  # else a relative path has no folder beside its own
    asked = [word for word in dict.fromkeys(words) if word.strip(".")]  # no word means the folder above
    places = [own, *(own / name for name in (*SUBFOLDERS, *asked))]
    places += [own.parent / name for name in asked] + [own.parent / "images" / name for name in asked]
    some = list(islice((name for name in names if isinstance(name, str) and _is_inner(name)), TRIED))
    counts = {place: _num_there(place, some) for place in places if _belongs(place, own)}
    best = max(counts, key=counts.get, default=own)
    return table.parent if best == own else best


def _num_there(place: Path, names: list[str]) -> int:
    try:
        return sum((place / name).is_file() for name in names)
    except OSError:
        return 0


def _is_inner(name: str) -> bool:
    """Whether a name can only lie inside the folder that it is looked up in."""
    written = PureWindowsPath(name)
    is_text = "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)
    return is_text and bool(name.strip()) and not (written.drive or written.root or ".." in written.parts)


def _belongs(place: Path, own: Path) -> bool:
    """Whether a folder is no way out: inside `own`, which has no links in its path, or a real folder beside that."""
    try:
        where = place.resolve(strict=True)
        if not where.is_dir():
            return False
        return where.is_relative_to(own) if place.is_relative_to(own) else where == place
    except OSError:
        return False
