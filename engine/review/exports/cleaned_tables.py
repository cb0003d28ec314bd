"""One original table without the rows that go, in its own format.

The row numbers of the run lead to the rows; image and caption must be those of the run, so that a table that was
changed since is noticed and no decision lands on another pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import PairsError
from engine.pairs.columns import SPLITS, recognise_columns
from engine.pairs.readers import reader_for
from engine.pairs.readers.delimited import delimiter_of
from engine.pairs.readers.jsonl import json_objects
from engine.pairs.rows import as_text
from engine.review.exports.csv import csv_line
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import CHUNK_ROWS, final_caption

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""suffixes of what can be written again"""
ADDED = ("pair_id", "split")
"""columns that a table gets if it has none: ids and splits stay what they are"""
Record = dict[str, Any]


def write_cleaned(source: Path, staying: Iterable[Record], path: Path) -> int:
    """Write the rows of `source` that stay.

    Args:
        source: its suffix is one of `TABLES`.
        staying: pair_id, image, caption, split, row, verdict and new_caption of these rows, by rising row.
        path: the new table, in the format of `source`.

    Returns:
        The number of rows.

    Raises:
        PairsError: if the table is no longer the one of the run.
    """
    writers: dict[str, Callable[..., int]] = {".parquet": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines}
    return writers.get(source.suffix.lower(), _delimited)(source, _found(source), iter(staying), path)


def _found(source: Path) -> dict[str, str]:
    """Meaning → column; pair_id and split are named even where the table has none."""
    found = recognise_columns(source, reader_for(source).columns(source))
    return {**{name: name for name in ADDED}, **found}


def _delimited(source: Path, columns: dict[str, str], staying: Iterator[Record], path: Path) -> int:
    reader = reader_for(source)
    names = list(dict.fromkeys(reader.columns(source)))
    header = names + [name for name in ADDED if columns[name] not in names]
    delimiter = delimiter_of(source)
    rows = (row.values for row in reader.rows(source, names))
    with _text(path) as file:
        file.write(csv_line(header, delimiter))
        return _write_rows(
            _merged(source, rows, staying, columns),
            lambda values: file.write(csv_line([values[name] for name in header], delimiter)),
        )


def _json_lines(source: Path, columns: dict[str, str], staying: Iterator[Record], path: Path) -> int:
    rows = (row.values for row in json_objects(source))
    with _text(path) as file:
        return _write_rows(_merged(source, rows, staying, columns), lambda values: file.write(json_line(values) + "\n"))


def _parquet(source: Path, columns: dict[str, str], staying: Iterator[Record], path: Path) -> int:
    with pq.ParquetFile(source, pre_buffer=False, buffer_size=2**20) as file:
        schema = _schema(file.schema_arrow, columns)
        with pq.ParquetWriter(path, schema) as writer:
            first, total, waiting = 1, 0, next(staying, None)
            for batch in file.iter_batches(CHUNK_ROWS):
                here: list[Record] = []
                while waiting is not None and waiting["row"] < first + batch.num_rows:
                    here.append(waiting)
                    waiting = next(staying, None)
                if here:
                    taken = batch.take(pa.array([record["row"] - first for record in here]))
                    writer.write_table(_replaced(source, pa.Table.from_batches([taken]), here, columns, schema))
                    total += len(here)
                if waiting is None:
                    return total
                first += batch.num_rows
            if waiting is not None:
                raise _changed(source, waiting)
            return total


def _replaced(
    source: Path, table: pa.Table, here: list[Record], columns: dict[str, str], schema: pa.Schema
) -> pa.Table:
    images, captions = (table.column(columns[name]).to_pylist() for name in ("image", "caption"))
    for record, image, caption in zip(here, images, captions, strict=True):
        _must_be_same(source, record, image, caption)
    has_split = columns["split"] in table.column_names
    splits = table.column(columns["split"]).to_pylist() if has_split else [None] * len(here)
    new = {
        columns["caption"]: [final_caption(record) for record in here],
        columns["pair_id"]: [record["pair_id"] for record in here],
        columns["split"]: [_split(cell, record) for cell, record in zip(splits, here, strict=True)],
    }
    arrays = [pa.array(new[f.name], f.type) if f.name in new else table.column(f.name) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _schema(found: pa.Schema, columns: dict[str, str]) -> pa.Schema:
    """The table's own schema; text columns that are written are plain text, and descriptions of the old columns go."""
    changed = {columns[name] for name in ("caption", *ADDED)}
    is_text = {field.name: pa.types.is_string(field.type) or pa.types.is_large_string(field.type) for field in found}
    fields = [pa.field(f.name, pa.string()) if f.name in changed and not is_text[f.name] else f for f in found]
    fields += [pa.field(name, pa.string()) for name in ADDED if columns[name] not in found.names]
    return pa.schema(fields, metadata=found.metadata if fields == list(found) else None)


def _merged(
    source: Path, rows: Iterable[dict[str, Any]], staying: Iterator[Record], columns: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The rows that stay, with caption, pair_id and split as they are now."""
    numbered = enumerate(rows, 1)
    for record in staying:
        values = next((values for number, values in numbered if number == record["row"]), None)
        if values is None:
            raise _changed(source, record)
        _must_be_same(source, record, values.get(columns["image"]), values.get(columns["caption"]))
        now = {
            columns["caption"]: final_caption(record),
            columns["pair_id"]: record["pair_id"],
            columns["split"]: _split(values.get(columns["split"]), record),
        }
        yield {**values, **{name: text for name, text in now.items() if as_text(values.get(name)) != text}}


def _split(cell: Any, record: Record) -> Any:
    """The cell as it stands if it means the split of the run."""
    return cell if SPLITS.get((as_text(cell) or "").strip().casefold()) == record["split"] else record["split"]


def _must_be_same(source: Path, record: Record, image: Any, caption: Any) -> None:
    if (as_text(image), as_text(caption)) != (record["image"], record["caption"]):
        raise _changed(source, record)


def _changed(source: Path, record: Record) -> PairsError:
    got = f"{source}, whose row {record['row']} is another one now"
    return PairsError("the table of the run", got, "Run again on the table as it is.")


def _write_rows(rows: Iterable[dict[str, Any]], write: Callable[[dict[str, Any]], object]) -> int:
    rows_written = 0
    for values in rows:
        write(values)
        rows_written += 1
    return rows_written


def _text(path: Path) -> TextIO:
    # bytes of other columns that are no UTF-8 go through unharmed
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
