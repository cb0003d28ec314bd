"""Columnar tables: .parquet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import PairsError
from engine.pairs.readers.interface import RawRow

ROWS_AT_ONCE = 4096
MEND = "Write the file again."


class ParquetReader:
    """Parquet files; only the columns that are asked for are loaded, a few thousand rows at a time."""

    name = "a Parquet table"
    accepts = ".parquet"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .parquet."""
        return path.is_file() and path.suffix.lower() == ".parquet"

    def columns(self, path: Path) -> list[str]:
        """The names in the file's schema.

        Raises:
            PairsError: if the file is damaged or no Parquet.
        """
        with _damage_said(path):
            return pq.read_schema(path).names

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all row groups.

        Raises:
            PairsError: if the file is damaged.
        """
        with _damage_said(path), pq.ParquetFile(path) as file:
            promised, read = file.metadata.num_rows, 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
                first = {name: batch.schema.names.index(name) for name in columns}  # a name may stand there twice
                cells = {name: _cells(batch.column(at)) for name, at in first.items()}
                for at in range(batch.num_rows):
                    yield RawRow({name: values[at] for name, values in cells.items()})
                read += batch.num_rows
        if read != promised:
            raise PairsError(
                "as many rows as the Parquet file says it has", f"{read:,} instead of {promised:,} in {path}", MEND
            )


def num_rows(path: Path) -> int:
    """How many rows a file has, by its footer.

    Raises:
        PairsError: if the file is damaged or no Parquet.
    """
    with _damage_said(path):
        return pq.read_metadata(path).num_rows


def _cells(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return column.to_pylist()
    except (ValueError, OverflowError):  # one bad cell must not take its neighbours with it
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return [_cell(one) for one in column]
        binary = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        return [
            None if cell is None else cell.decode("utf-8", "surrogateescape")
            for cell in column.cast(binary).to_pylist()
        ]


def _cell(cell: pa.Scalar) -> Any:
    """The cell as Python has it; what Python has not, such as a day in the year 5,000,000, stays as it is."""
    try:
        return cell.as_py()
    except (ValueError, OverflowError):
        return cell


@contextlib.contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # names of columns may be no text
        reason = str(error).partition("\n")[0]
        raise PairsError("a readable Parquet file", f"{path} ({reason})", MEND) from error
