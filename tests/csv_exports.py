"""What a CSV export holds, read back as any program could."""

import csv
from pathlib import Path

import pandas as pd

from engine.review.exports.csv import NUMBERS
from engine.spreadsheets import unguarded


def read_csv_export(path: Path) -> pd.DataFrame:
    """Text without the guards of spreadsheets, numbers as numbers, None where a cell is empty."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    values = [[_value(name, cell) for name, cell in zip(header, row, strict=True)] for row in rows]
    return pd.DataFrame(values, columns=header, dtype=object)


def _value(name: str, cell: str) -> object:
    if not cell:
        return None
    return NUMBERS[name](cell) if name in NUMBERS else unguarded(cell)
