"""Columns of Arrow tables as Hugging Face writes them: pictures inside cells, classes as numbers with names beside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.pairs.columns import ACCEPTED
from engine.pairs.places.cells import cell_name
from engine.pairs.readers.interface import RawRow

OTHER_NAMES = ("img", "picture", "photo", "jpg", "jpeg", "png", "webp")
"""of columns that hold pictures, beside the accepted names for a picture's path"""
IMAGE = ACCEPTED["image"][0]
NO_VALUE = ()


@dataclass(frozen=True)
class Layout:
    """What the columns of a table are."""

    names: tuple[str, ...]
    """as a reader shows them: the column with pictures is called image"""
    pictures: str | None = None
    """the column with pictures inside; None: pictures are files"""
    classes: Mapping[str, list[str]] = field(default_factory=dict)
    """column of class numbers → names"""


def layout_of(schema: pa.Schema, first: Mapping[str, Any]) -> Layout:
    """What the columns of a table are.

    Args:
        schema: of the table.
        first: a value of each binary column, to tell pictures from texts; columns without any are left out.
    """
    by_name = {name.strip().casefold(): name for name in reversed(schema.names)}
    wanted = [by_name[name] for name in (*ACCEPTED["image"], *OTHER_NAMES) if name in by_name]
    accepted = [name for name in wanted if name.strip().casefold() in ACCEPTED["image"]]
    if accepted and not _may_hold_pictures(schema, accepted[0], first):
        return Layout(tuple(schema.names), None, _class_names(schema))
    pictures = next((name for name in wanted if _may_hold_pictures(schema, name, first)), None)
    if pictures is None:
        inside = [name for name in schema.names if _is_picture_struct(schema.field(name).type)]
        pictures = inside[0] if len(inside) == 1 else None
    names = tuple(IMAGE if name == pictures else name for name in schema.names if name == pictures or name != IMAGE)
    return Layout(names if pictures else tuple(schema.names), pictures, _class_names(schema))


def rows_of(
    batch: pa.RecordBatch, cells: Mapping[str, list[Any]], layout: Layout, start: int, place: Path
) -> Iterator[RawRow]:
    """The rows of some records.

    Args:
        batch: holds the column of pictures; may lack it where every cell is known to hold one.
        cells: values of the other columns that are wanted, by name.
        layout: of the table.
        start: rows of the table before them.
        place: the file or folder.
    """
    filled, paths = None, None
    if layout.pictures is not None and layout.pictures in batch.schema.names:
        column = batch.column(layout.pictures)
        is_struct = pa.types.is_struct(column.type)
        parts = dict(zip((one.name for one in column.type), column.flatten(), strict=True)) if is_struct else {}
        filled = (parts["bytes"] if is_struct else column).is_valid().to_pylist()
        paths = cells_of(parts["path"]) if "path" in parts else None
    for at in range(batch.num_rows):
        values = {name: _named(values[at], layout.classes.get(name)) for name, values in cells.items()}
        if layout.pictures is None:
            yield RawRow(values)
        elif filled is None or filled[at]:
            yield RawRow({**values, IMAGE: cell_name(layout.pictures, start + at + 1)}, images=place)
        else:
            yield RawRow({**values, IMAGE: paths[at] if paths else None})


def cells_of(column: pa.Array) -> list[Any]:
    """The values of a column; bytes that are no UTF-8 stand in texts as lone surrogates.

    A value that Python has no type for, such as a date before the year 1, is `NO_VALUE`: no text.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):  # one bad value must not take its neighbours with it
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        binary = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        return [_cell(one) for one in (column.cast(binary) if is_text else column)]


def _cell(value: pa.Scalar) -> Any:
    try:
        found = value.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        return NO_VALUE
    return found.decode("utf-8", "surrogateescape") if isinstance(found, bytes) else found


def binary_columns(schema: pa.Schema) -> list[str]:
    """The columns of bytes, whose values tell whether they are pictures."""
    return [one.name for one in schema if _is_binary(one.type)]


def text_columns(columns: Sequence[str], layout: Layout) -> list[str]:
    """Those of the wanted columns that are not the one with pictures."""
    return [name for name in columns if layout.pictures is None or name != IMAGE]


def _named(cell: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(cell, int) or isinstance(cell, bool):
        return cell
    return names[cell] if 0 <= cell < len(names) else None  # −1: no label, as in hidden test sets


def _may_hold_pictures(schema: pa.Schema, name: str, first: Mapping[str, Any]) -> bool:
    kind = schema.field(name).type
    return _is_picture_struct(kind) or (_is_binary(kind) and _is_no_text(first.get(name)))


def _is_picture_struct(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and any(one.name == "bytes" and _is_binary(one.type) for one in kind)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_no_text(value: Any) -> bool:
    """Whether bytes are a picture's: no file of one is UTF-8 text without NUL."""
    if not isinstance(value, bytes):
        return False
    try:
        return "\0" in value.decode("utf-8")
    except UnicodeDecodeError:
        return True


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """From what `datasets` keeps beside the columns; empty if it did not write the file."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: one.get("names") for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        name: names
        for name, names in found.items()
        if isinstance(names, list) and all(isinstance(one, str) for one in names)
    }
