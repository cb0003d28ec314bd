"""A data set in memory: the pairs that can be used, the rows that cannot, and what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PAIR_COLUMNS = (
    "pair_id",
    "pair_index",
    "image",
    "caption",
    "label",
    "split",
    "width",
    "height",
    "content_hash",
    "perceptual_hash",
    "thumbnail",
    "row",
    "source",
    "images",
)
REPEATED_COLUMNS = ("content_hash", "perceptual_hash", "thumbnail", "source", "images")
"""columns whose values many pairs share: categories in memory, so that a million rows do not repeat them"""
ROWS_AT_ONCE = 2**15
"""in a row group"""
REJECT_COLUMNS = ("row", "image", "caption", "reason", "source")


@dataclass(frozen=True)
class PairSet:
    """Every data row of the tables that were read is in `pairs` or in `rejects`, and in one of them only."""

    pairs: pd.DataFrame
    """one usable pair per row, in table order, with `PAIR_COLUMNS`; `REPEATED_COLUMNS` are categories"""
    rejects: pd.DataFrame
    """one unusable row per row, in table order, with `REJECT_COLUMNS`"""
    notes: tuple[str, ...] = ()
    """sentences for the record: what was held out, renamed, or found in two splits"""
    columns: Mapping[str, str] = field(default_factory=dict)
    """meaning → name of the column in the (first) table"""
    reader: str = ""
    """what the (first) tables were read as, in words"""
    files: int = 1
    """how many files or folders these were"""


def write_pairs(path: Path, pairs: pd.DataFrame, oddities: pd.DataFrame) -> None:
    """Write the pairs table of a run, some rows at a time: readers get texts, which as categories take less memory.

    Args:
        path: the Parquet file.
        pairs: as in a `PairSet`.
        oddities: further columns, in the same order; those of texts may be all None.
    """
    texts = dict.fromkeys(REPEATED_COLUMNS, "str")
    oddities = oddities.astype({name: "str" for name in oddities if oddities[name].dtype == object})
    writer = None
    for start in range(0, max(1, len(pairs)), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        some = pairs.iloc[part].astype(texts)
        some = some.assign(**{name: oddities[name].iloc[part].set_axis(some.index) for name in oddities})
        table = pa.Table.from_pandas(some, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()
