"""CSV that no spreadsheet takes for a formula, and that reads back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import ConfigError
from engine.spreadsheets import guarded, unguarded

NUMBERS = {
    **dict.fromkeys(("suspicion", "influence", "influence_positive", "influence_negative"), float),
    **dict.fromkeys(("clip_score", "pair_loss"), float),
    "suspicion_rank": int,
}


class CsvExport:
    """UTF-8, one header line, a newline at the end of each line."""

    suffix = ".csv"

    def write(self, rows: pd.DataFrame, path: Path, provenance: dict[str, Any]) -> None:
        """Write `rows` to `path`; a CSV has no place for `provenance`."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(_line([guarded(name) for name in rows.columns]))
            for row in rows.itertuples(index=False):
                file.write(_line(["" if pd.isna(value) else guarded(value) for value in row]))


def read_csv_export(path: str | Path) -> pd.DataFrame:
    """Read back what `CsvExport` wrote: text without guards, `NUMBERS` as numbers, None where a cell is empty.

    Raises:
        ConfigError: if the file is no such table, or no longer.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    names = [unguarded(name) for name in header]
    if not names or any(len(row) != len(names) for row in rows):
        raise ConfigError("a CSV export with as many cells in each row as in its header", str(path), "Export it again.")
    values = [[_value(name, cell) for name, cell in zip(names, row, strict=True)] for row in rows]
    return pd.DataFrame(values, columns=names, dtype=object)


def _line(cells: Sequence[object]) -> str:
    """One row. The writer quotes a lone return only if its own line end has one, so that end is replaced."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL).writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _value(name: str, cell: str) -> object:
    if not cell:
        return None
    try:
        return NUMBERS[name](cell) if name in NUMBERS else unguarded(cell)
    except ValueError as error:
        raise ConfigError(f"a number in column {name}", repr(cell), "Export it again, or mend the cell.") from error
