"""COCO captions: one JSON file that lists images, and captions that name them by id.

    {"images": [{"id": 9, "file_name": "000000000009.jpg", "width": 640, "height": 480}],
     "annotations": [{"id": 661611, "image_id": 9, "caption": "Closeup of bins of food."}]}

A caption is a pair, in the order of the file; an image without one is a row that is rejected, after all others. Further
keys of an annotation, or of its image, that mean something in a table (pair_id, label, split) mean the same here.
JSON cannot be read piece by piece: the file is in memory while it is read, about five times its size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import PairsError
from engine.pairs.columns import ACCEPTED
from engine.pairs.readers.interface import RawRow
from engine.pairs.readers.picture_folder import picture_folder

FILE_NAME, CAPTION = "file_name", "caption"
OPTIONAL = tuple(name for meaning in ("pair_id", "label", "split") for name in ACCEPTED[meaning])
NO_IMAGE = "The caption names an image id that the file's list of images does not have."
NO_CAPTION = "The image has no caption in this file."
TWO_IMAGES = "Two images of the file have this id."
NOT_AN_OBJECT = "The entry is not an object with named values."


class CocoReader:
    """Captions of COCO and of everything that writes like it.

    Pictures are looked for beside the file, in its sub-folders images and NAME, and in NAME beside its folder, where
    NAME is a word of the file's own name (annotations/captions_val2017.json: ../val2017).
    """

    name = "COCO captions"
    accepts = ".json (COCO captions)"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .json."""
        return path.is_file() and path.suffix.lower() == ".json"

    def columns(self, path: Path) -> list[str]:
        """file_name and caption, and of pair_id, label and split those that any entry has.

        Raises:
            PairsError: if the file is no JSON, or JSON of something else.
        """
        images, annotations = _lists(path)
        present = set().union(*(one.keys() for one in (*images, *annotations) if isinstance(one, dict)))
        return [FILE_NAME, CAPTION, *(name for name in OPTIONAL if name in present)]

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """A row per annotation, then one per image without any.

        Raises:
            PairsError: if the file is no JSON, or JSON of something else.
        """
        images, annotations = _lists(path)
        by_id = _by_id(images)
        names = (one.get(FILE_NAME) for one in images if isinstance(one, dict))
        place = picture_folder(path, names, _words(path))
        used = set()
        for one in annotations:
            key = _key(one.get("image_id")) if isinstance(one, dict) else None
            same = by_id.get(key, [])
            problem = NOT_AN_OBJECT if not isinstance(one, dict) else _problem(same)
            used.add(key)
            if problem:
                yield RawRow({}, problem, _shown(one))
            else:
                cells = {name: one[name] if name in one else same[0].get(name) for name in columns}
                yield RawRow(cells, found_in=place)
        used.discard(None)  # ids that are none are nobody's
        for one in images:
            if not isinstance(one, dict):
                yield RawRow({}, NOT_AN_OBJECT, _shown(one))
            elif _key(one.get("id")) not in used:
                yield RawRow({}, NO_CAPTION, _shown(one))


def _lists(path: Path) -> tuple[list[Any], list[Any]]:
    try:
        values = json.loads(path.read_bytes().decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise PairsError("COCO captions in JSON", f"{path}, which is not JSON ({error})", "Write it again.") from error
    lists = [values.get(key) if isinstance(values, dict) else None for key in ("images", "annotations")]
    images, annotations = (one if isinstance(one, list) else None for one in lists)
    if images is None or annotations is None:
        raise PairsError(
            'COCO captions: an object with the lists "images" and "annotations"',
            f"{_kind(values)} in {path}",
            "Give the file with the captions, or write the pairs as .jsonl.",
        )
    if annotations and not any(isinstance(one, dict) and CAPTION in one for one in annotations):
        raise PairsError(
            "COCO annotations with a caption",
            f"none among the {len(annotations):,} of {path}",
            "Boxes and key points are no captions: give captions_….json.",
        )
    return images, annotations


def _by_id(images: list[Any]) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for one in images:
        if isinstance(one, dict) and (key := _key(one.get("id"))) is not None:
            found.setdefault(key, []).append(one)
    return found


def _key(value: Any) -> str | None:
    """Ids are compared as text: some files write them as numbers in one list and as text in the other."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _problem(same: list[dict[str, Any]]) -> str | None:
    if len(same) == 1:
        return None
    return TWO_IMAGES if len({str(one.get(FILE_NAME)) for one in same}) > 1 else None if same else NO_IMAGE


def _words(path: Path) -> list[str]:
    """Words of the file's name that may be the name of a folder of pictures: val2017 of captions_val2017.json."""
    return [word for word in re.split(r"[_\s]+", path.stem) if word.casefold() not in ("captions", "annotations")]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:2000]


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(str(key)[:40] for key in list(value)[:10])
        return f"an object with {keys or 'nothing'}"
    return "a list" if isinstance(value, list) else f"a {type(value).__name__}"
