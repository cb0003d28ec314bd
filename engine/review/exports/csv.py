"""CSV that no spreadsheet takes for a formula, and that reads back exactly.

Text cells that begin with = + - @ tab, return, newline or NUL get an apostrophe in front (OWASP ASVS 1.2.10);
so does text that begins with an apostrophe and such a character, so that reading back is exact. Numbers are left alone.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


class CsvExport:
    """UTF-8, one header line, a newline at the end of each line."""

    suffix = ".csv"

    def write(self, rows: pd.DataFrame, path: Path) -> None:
        """Write `rows` to `path`."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
            writer.writerow([guarded(name) for name in rows.columns])
            for row in rows.itertuples(index=False):
                writer.writerow(["" if pd.isna(value) else guarded(value) for value in row])


def guarded(value: object) -> object:
    """A cell as it is written: text that a spreadsheet might run gets an apostrophe in front."""
    if isinstance(value, str) and _is_dangerous(value):
        return "'" + value
    return value


def unguarded(text: str) -> str:
    """The text of a cell as it was before `guarded`."""
    return text[1:] if text.startswith("'") and _is_dangerous(text[1:]) else text


def read_csv_export(path: str | Path) -> pd.DataFrame:
    """Read back what `CsvExport` wrote: all columns as text without guards, None where a cell is empty."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    values = [[unguarded(cell) if cell else None for cell in row] for row in rows]
    return pd.DataFrame(values, columns=[unguarded(name) for name in header], dtype=object)


def _is_dangerous(text: str) -> bool:
    return text.lstrip("'").startswith(DANGEROUS)
