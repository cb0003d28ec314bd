"""Parquet: typed columns, for pandas, DuckDB, Spark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.review.exports.csv import NUMBERS
from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import COLUMNS, WHICH
from engine.runs import RunFolder

TYPES = {float: pa.float64(), int: pa.int64()}
SCHEMA = pa.schema([(name, TYPES[NUMBERS[name]] if name in NUMBERS else pa.string()) for name in COLUMNS])


class ParquetExport:
    """The same schema whatever is chosen; where the rows come from stands in the file's metadata too."""

    words = Words(
        "Parquet table",
        "One row per pair with decision and scores, numbers with full precision, for large sets.",
        "Undecided pairs have a null verdict; keep and unsure stand as they are.",
        "Read it with pandas, DuckDB or Spark.",
    )
    which = tuple(WHICH)
    columns = COLUMNS
    is_ranked = True

    def file_name(self, run: RunFolder) -> str:
        """decisions.parquet."""
        return "decisions.parquet"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write one row group per chunk."""
        rows = 0
        with pq.ParquetWriter(path, SCHEMA.with_metadata({"ecif": json_line(origin.facts)})) as file:
            for chunk in chunks:
                file.write_table(pa.Table.from_pandas(chunk, schema=SCHEMA, preserve_index=False))
                rows += len(chunk)
        return Written(rows)
