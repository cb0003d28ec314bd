"""Columnar tables: .parquet, with the names of picture files in a column, or with the pictures themselves."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import PairsError
from engine.pairs.readers.arrow_pictures import Layout, binary_columns, cells_of, layout_of, rows_of, text_columns
from engine.pairs.readers.interface import RawRow

ROWS_AT_ONCE = 4096
MEND = "Write the file again."
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
            return list(_layout(file, path).names)

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all row groups.

        Raises:
            PairsError: if the file is damaged.
        """
        with _damage_said(path), pq.ParquetFile(path, pre_buffer=False) as file:
            layout = _layout(file, path) if columns else Layout(())
            texts, start = text_columns(columns, layout), 0
            wanted = len(texts) < len(columns)
            shown = layout if wanted else replace(layout, pictures=None)  # names of classes are wanted either way
            for group in range(file.metadata.num_row_groups):
                look = wanted and not _is_full(file, group, layout.pictures)
                names = [*texts, layout.pictures] if look else texts
                size = PICTURES_AT_ONCE if look else ROWS_AT_ONCE
                for batch in file.iter_batches(size, row_groups=[group], columns=names):
                    cells = {name: cells_of(batch.column(name)) for name in texts}
                    yield from rows_of(batch, cells, shown, start, path)
                    start += batch.num_rows
            promised = file.metadata.num_rows
        if start != promised:
            raise PairsError(
                "as many rows as the Parquet file says it has", f"{start:,} instead of {promised:,} in {path}", MEND
            )


def num_rows(path: Path) -> int:
    """How many rows a file has, by its footer.

    Raises:
        PairsError: if the file is damaged or no Parquet.
    """
    with _damage_said(path):
        return pq.read_metadata(path).num_rows


def _layout(file: pq.ParquetFile, path: Path) -> Layout:
    schema = file.schema_arrow
    twice = [name for name, times in Counter(schema.names).items() if times > 1]
    if twice:
        raise PairsError(
            "columns with different names", f"two columns called {twice[0]} in {path}", "Rename or leave out one."
        )
    binary = binary_columns(schema)
    first: dict[str, Any] = {}
    if binary and file.metadata.num_rows:
        batch = next(file.iter_batches(PICTURES_AT_ONCE, columns=binary), None)
        for name in binary if batch is not None else []:
            first[name] = next((cell.as_py() for cell in batch.column(name) if cell.is_valid), None)
    return layout_of(schema, first)


def _is_full(file: pq.ParquetFile, group: int, pictures: str) -> bool:
    """Whether every cell of a row group is known to hold a picture, without reading them all.

    What pyarrow says about a column of a damaged file ends the whole process, so the column is read a little first,
    which raises an error, and is asked for nothing where its kind is not the one that the schema has.
    """
    leaves = [file.schema.column(at) for at in range(len(file.schema))]
    at = next((at for at, one in enumerate(leaves) if one.path in (pictures, f"{pictures}.bytes")), None)
    if at is None or next(file.iter_batches(1, row_groups=[group], columns=[pictures]), None) is None:
        return False
    column = file.metadata.row_group(group).column(at)
    known = column.statistics if column.physical_type == leaves[at].physical_type else None
    return known is not None and known.has_null_count and known.null_count == 0


@contextlib.contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # names of columns may be no text
        reason = str(error).partition("\n")[0]
        raise PairsError("a readable Parquet file", f"{path} ({reason})", MEND) from error
