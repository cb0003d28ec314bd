"""Pictures that are cells of a table are named COLUMN/ROW, by their 1-based row."""

from __future__ import annotations

import pyarrow as pa

from engine.pairs.images import BIG_FILE, EMPTY_FILE, MAX_FILE_BYTES, MISSING, RejectedImage


def cell_name(column: str, row: int) -> str:
    """The name of a picture in a table."""
    return f"{column}/{row}"


def is_cell(image: str) -> bool:
    """Whether a name is one of a picture in a table."""
    column, _, row = image.rpartition("/")
    return bool(column) and row.isascii() and row.isdecimal() and len(row) < 16 and int(row) > 0


def cell_of(image: str) -> tuple[str, int]:
    """Column and 0-based row of a picture in a table.

    Raises:
        RejectedImage: if the name is no such name.
    """
    if not is_cell(image):
        raise RejectedImage(MISSING)
    column, _, row = image.rpartition("/")
    return column, int(row) - 1


def cell_bytes(cell: pa.Scalar) -> bytes:
    """The picture in a cell: bytes, or what Hugging Face writes, a structure with bytes and path.

    Raises:
        RejectedImage: if there are none, or too many.
    """
    if isinstance(cell, pa.StructScalar):  # of its path no more is asked, which may be no text
        cell = cell["bytes"] if cell.is_valid and "bytes" in cell.type.names else None
    data = cell.as_py() if isinstance(cell, pa.BinaryScalar | pa.LargeBinaryScalar) else None
    if not isinstance(data, bytes):
        raise RejectedImage(MISSING)
    if not data:
        raise RejectedImage(EMPTY_FILE)
    if len(data) > MAX_FILE_BYTES:
        raise RejectedImage(BIG_FILE)
    return data
