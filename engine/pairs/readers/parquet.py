"""Columnar tables: .parquet, with the names of picture files in a column, or with the pictures themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import PairsError
from engine.pairs.readers.arrow_pictures import Layout, binary_columns, layout_of, rows_of, text_columns
from engine.pairs.readers.interface import RawRow

ROWS_AT_ONCE = 4096
NO_VALUE = ()
PICTURES_AT_ONCE = 16
"""rows in memory where the cells with pictures have to be looked at"""


class ParquetReader:
    """Parquet files; only the columns that are asked for are loaded, a few thousand rows at a time."""

    name = "a Parquet table"
    accepts = ".parquet"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .parquet."""
        return path.is_file() and path.suffix.lower() == ".parquet"

    def columns(self, path: Path) -> list[str]:
        """The names in the file's schema; a column with pictures is called image.

        Raises:
            PairsError: if the file is damaged or no Parquet.
        """
        with _damage_said(path), pq.ParquetFile(path) as file:
            return list(_layout(file).names)

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all row groups.

        Raises:
            PairsError: if the file is damaged.
        """
        with _damage_said(path), pq.ParquetFile(path, pre_buffer=False) as file:
            layout = _layout(file) if columns else Layout(())
            texts, start = text_columns(columns, layout), 0
            wanted = len(texts) < len(columns)
            for group in range(file.metadata.num_row_groups):
                look = wanted and not _is_full(file.metadata.row_group(group), layout.pictures)
                names = [*texts, layout.pictures] if look else texts
                size = PICTURES_AT_ONCE if look else ROWS_AT_ONCE
                for batch in file.iter_batches(size, row_groups=[group], columns=names):
                    cells = {name: cells_of(batch.column(name)) for name in texts}
                    yield from rows_of(batch, cells, layout if wanted else Layout(()), start, path)
                    start += batch.num_rows


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


def _layout(file: pq.ParquetFile) -> Layout:
    schema = file.schema_arrow
    twice = [name for name in dict.fromkeys(schema.names) if schema.names.count(name) > 1]
    if twice:
        raise pa.ArrowInvalid(f"two columns called {twice[0]}")
    binary = binary_columns(schema)
    first: dict[str, Any] = {}
    if binary and file.metadata.num_rows:
        batch = next(file.iter_batches(PICTURES_AT_ONCE, columns=binary))
        for name in binary:
            first[name] = next((cell.as_py() for cell in batch.column(name) if cell.is_valid), None)
    return layout_of(schema, first)


def _is_full(group: pq.RowGroupMetaData, pictures: str | None) -> bool:
    """Whether every cell of a row group is known to hold a picture, without reading them."""
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema in (pictures, f"{pictures}.bytes"):
            known = column.statistics
            return known is not None and known.has_null_count and known.null_count == 0
    return False


@contextlib.contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # names of columns are texts too
        raise PairsError(
            "a readable Parquet file", f"{path} ({str(error).splitlines()[0]})", "Write the file again."
        ) from error
