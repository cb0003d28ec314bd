"""The rows of one table: cells turned into text and checked, the reason beside those that cannot be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import PairsError
from engine.pairs.columns import SPLITS, recognise_columns
from engine.pairs.fingerprint import Fingerprint, of_features
from engine.pairs.images import RejectedImage
from engine.pairs.pictures import check_picture
from engine.pairs.readers import RawRow, reader_for
from engine.pairs.reading import ReadOptions

MAX_ID_CHARACTERS = 240
"""with the name of a split in front, a store of decisions still keeps it"""
KNOWN_PICTURES = 2**17
"""names of pictures that are remembered while a table is read"""
NO_CAPTION = "The caption is empty."
LONG_ID = f"The pair_id is longer than {MAX_ID_CHARACTERS} characters."
BAD_SPLIT = "The split is none of train, validation, test."
NOT_UTF_8 = "The {} is not valid UTF-8 text; save it as UTF-8."
HAS_NUL = "The {} contains a NUL character; take it out."
NOT_TEXT = "The {} is neither text nor a number."


@dataclass(slots=True)
class Row:
    """One data row on its way to be a pair or a reject."""

    source: str
    """path of the table"""
    number: int
    """1-based data row in the table"""
    image: str = ""
    caption: str = ""
    pair_id: str | None = None
    """as given in the table, then as it is in the pairs table"""
    label: str | None = None
    split: str | None = None
    """None: the table has no split column"""
    images: str = ""
    """folder or container where the picture lies"""
    picture: str | None = None
    """which picture it is: rows with the same value show the same one"""
    seen: Fingerprint | None = None
    reason: str | None = None
    """why the row cannot be used; None: nothing found yet"""


def read_rows(path: str | Path, options: ReadOptions | None = None) -> tuple[list[Row], dict[str, str]]:
    """All rows of one file with their text checked; images are found but not opened.

    Args:
        path: a file or folder in one of the formats of `engine.pairs.readers`.
        options: where its pictures lie, and the template of captions; None: as by default.

    Returns:
        The rows in table order (none, if it has columns and no more), and the column for each meaning.

    Raises:
        PairsError: if the table is absent, unreadable, empty, or lacks a column.
    """
    path, options = Path(path), options or ReadOptions()
    own = path if path.is_dir() else path.parent
    try:
        reader = reader_for(path)
        found = reader.columns(path)
        if not found and not any(True for _ in reader.rows(path, [])):
            raise PairsError("at least one row of data", f"none in {path}", "Check that the right file was given.")
        columns = recognise_columns(path, found)
        source, finder = str(path), _Finder()
        rows = [
            _checked(Row(source, number), raw, columns, options, finder, str(_place(raw, options, own)))
            for number, raw in enumerate(reader.rows(path, list(columns.values())), 1)
        ]
    except OSError as error:
        raise PairsError("a readable table of pairs", f"{path} ({error.strerror})", "Check the path.") from error
    return rows, columns


def as_text(cell: Any) -> str | None:
    """A cell as text ("" if it is missing); None if it is something else than text or a number."""
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    if isinstance(cell, float):
        if math.isnan(cell):
            return ""
        return str(int(cell)) if cell.is_integer() else str(cell)  # whole numbers beside empty cells become floats
    return str(cell) if isinstance(cell, str | int) and not isinstance(cell, bool) else None


def _place(raw: RawRow, options: ReadOptions, own: Path) -> str | Path:
    """Where the picture of a row lies: where the format says, else the user, else where it was found, else beside."""
    return raw.images or options.images or raw.found_in or own


class _Finder:
    """Looks each picture of a table up once, and lets all its rows share the names: most sets repeat them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, str, str | None, str | None]] = {}

    def find(self, place: str, image: str) -> tuple[str, str, str | None, str | None]:
        """Place and image as all rows share them; which picture it is, or None; the reason why not, or None."""
        found = self._known.get((place, image))
        if found is None:
            try:
                found = place, image, check_picture(place, image), None
            except RejectedImage as error:
                found = place, image, None, error.reason
            if len(self._known) >= KNOWN_PICTURES:
                self._known.clear()
            self._known[place, image] = found
        return found


def _checked(row: Row, raw: RawRow, columns: dict[str, str], options: ReadOptions, finder: _Finder, place: str) -> Row:
    if raw.problem:
        row.images, row.caption, row.reason = place, raw.raw.strip(), raw.problem
        return row
    cells = {meaning: as_text(raw.values.get(name)) for meaning, name in columns.items()}
    if raw.class_name is not None:
        cells["caption"] = options.template.replace("{}", raw.class_name)
    row.images, row.image, row.caption = place, cells["image"] or "", cells["caption"] or ""
    row.reason = _text_fault(cells)
    if row.reason:
        return row
    row.pair_id = (cells.get("pair_id") or "").strip() or None
    row.label = (cells.get("label") or "").strip() or None
    if "split" in columns:
        row.split = SPLITS.get((cells["split"] or "").strip().casefold())
    if not row.caption.strip():
        row.reason = NO_CAPTION
    elif "split" in columns and row.split is None:
        row.reason = BAD_SPLIT
    elif len(row.pair_id or "") > MAX_ID_CHARACTERS:
        row.reason = LONG_ID
    elif raw.features_hash:
        row.seen = of_features(raw.features_hash)
    else:
        row.images, row.image, row.picture, row.reason = finder.find(place, row.image)
    return row


def _text_fault(cells: dict[str, str | None]) -> str | None:
    for meaning, text in cells.items():
        name = {"image": "image path"}.get(meaning, meaning)
        if text is None:
            return NOT_TEXT.format(name)
        if any("\ud800" <= c <= "\udfff" for c in text):
            return NOT_UTF_8.format(name)
        if "\0" in text:
            return HAS_NUL.format(name)
    return None
