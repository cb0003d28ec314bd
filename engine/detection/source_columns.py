"""Columns of the tables that a run's pairs came from, beside those that every run keeps. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import PairsError
from engine.pairs.columns import recognise_columns
from engine.pairs.readers import reader_for
from engine.pairs.rows import as_text
from engine.pairs.sources import sources


def other_columns(path: str | Path) -> list[str]:
    """The columns of a table, or of the first one of several, that mean nothing to a run.

    Raises:
        PairsError: if the table cannot be read.
    """
    first = sources(path)[0].path
    names = reader_for(first).columns(first)
    return [name for name in names if name not in recognise_columns(first, names).values()]


def source_column(pairs: pd.DataFrame, name: str) -> np.ndarray:
    """A column of the source tables as text, `[pairs]`; "" where a cell is empty.

    Args:
        pairs: rows of a pairs table; `source` names the table and `row` its 1-based data row.
        name: of the column.

    Raises:
        PairsError: if a source table lacks the column or has changed since.
    """
    found = np.full(len(pairs), "", dtype=object)
    for source, rows in pairs.reset_index(drop=True).groupby("source")["row"]:
        reader = reader_for(Path(source))
        known = reader.columns(Path(source))
        if name not in known:
            raise PairsError(f"a column {name}", f"the columns {', '.join(known)} in {source}", "Check the name.")
        cells = [as_text(row.values.get(name)) or "" for row in reader.rows(Path(source), [name])]
        if len(cells) < rows.max():
            raise PairsError(
                f"at least {rows.max()} rows of data", f"{len(cells)} in {source}", "The table changed: run again."
            )
        found[rows.index] = np.array(cells, dtype=object)[rows.to_numpy() - 1]
    return found
