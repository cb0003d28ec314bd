"""Folders of pictures in the layout of Hugging Face, whose captions stand in a table beside them.

    folder/metadata.csv            file_name,text
    folder/0001.jpg                0001.jpg,a red bus

    folder/train/metadata.jsonl    {"file_name": "0001.jpg", "text": "a red bus"}
    folder/test/metadata.jsonl     the sub-folder's name is the split of its pairs

The metadata is a table like any other (`file_name` is one of the accepted names for the picture), so the readers of
tables read it; this module only says which files those are. Pictures lie relative to their metadata.
"""

from __future__ import annotations

from pathlib import Path

from engine.errors import PairsError
from engine.pairs.columns import SPLITS
from engine.pairs.images import PICTURE_SUFFIXES

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def metadata_files(folder: Path) -> list[tuple[Path, str | None]]:
    """The metadata of an image folder with the split that its place says; empty if it is none.

    Args:
        folder: an existing folder.

    Raises:
        PairsError: if there are two metadata files in one place, or a split's folder with pictures but without any.
    """
    if own := _metadata_of(folder):
        return [(own, None)]
    places = sorted(one for one in folder.iterdir() if one.name.casefold() in SPLITS and one.is_dir())
    found = {one: _metadata_of(one) for one in places}
    if not any(found.values()):
        return []
    for one, metadata in found.items():
        if metadata is None and any(file.suffix.lower() in PICTURE_SUFFIXES for file in one.iterdir()):
            raise PairsError(
                f"one of {', '.join(METADATA)} beside the pictures of every split",
                f"none in {one}",
                "Add it, or give the metadata file of the other split alone.",
            )
    return [(metadata, SPLITS[one.name.casefold()]) for one, metadata in found.items() if metadata]


def _metadata_of(folder: Path) -> Path | None:
    found = [folder / name for name in METADATA if (folder / name).is_file()]
    if len(found) > 1:
        raise PairsError(
            "one metadata file", " and ".join(map(str, found)), "Give the one that counts, instead of its folder."
        )
    return found[0] if found else None
