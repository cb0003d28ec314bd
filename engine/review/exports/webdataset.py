"""WebDataset: the keys to leave out, one per line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.review.exports.drop_list import one_line
from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.rows import pair_chunks
from engine.runs import RunFolder


class WebDatasetExclusions:
    """A key is an image's file name up to its first dot, as WebDataset makes `__key__` of names in a tar."""

    words = Words(
        "WebDataset exclusion list",
        "The `__key__` of every dropped pair, one per line: its image's file name up to the first dot.",
        "Undecided, unsure and kept pairs are not in it, nor is a key that they share with a dropped pair.",
        'Leave the keys out: `WebDataset(url).select(lambda sample: sample["__key__"] not in keys)`.',
    )
    which = ("drop",)
    columns = ("pair_id", "image", "images")
    is_ranked = False

    def file_name(self, run: RunFolder) -> str:
        """exclude-keys.txt."""
        return "exclude-keys.txt"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write the keys that belong to dropped pairs alone.

        Raises:
            ConfigError: if a key holds a line's end.
        """
        dropped, keys = set[str](), dict[str, None]()
        for chunk in chunks:
            dropped.update(chunk["pair_id"])
            keys.update(dict.fromkeys(map(key_of, chunk["image"], chunk["images"])))
        shared = _shared(origin.run, dropped, keys) if keys else set()
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(one_line(key) + "\n" for key in keys if key not in shared)
        note = f"Keys left out because a pair that stays has them too: {len(shared):,}."
        return Written(len(keys) - len(shared), (note,) if shared else ())


def key_of(image: str, place: str) -> str:
    """The key of an image: its file name up to the first dot (of a name that begins with dots, after them).

    Args:
        image: its name.
        place: where it lies; in a tar the key begins with the folders there, as the library has it.
    """
    if place.lower().endswith(".tar"):
        folders, slash, name = image.rpartition("/")
        return folders + slash + name.partition(".")[0]
    name = re.split(r"[/\\]", image)[-1]
    start = len(name) - len(name.lstrip("."))
    return name[: name.find(".", start)] if "." in name[start:] else name


def _shared(run: RunFolder, dropped: set[str], keys: dict[str, None]) -> set[str]:
    """Those of `keys` that pairs which are not dropped have as well."""
    found: set[str] = set()
    for chunk in pair_chunks(run, ["pair_id", "image", "images"]):
        staying = chunk[~chunk["pair_id"].isin(dropped)]
        found.update(key for key in map(key_of, staying["image"], staying["images"]) if key in keys)
    return found
