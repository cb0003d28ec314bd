"""Lists of pair ids that people write by hand or export from a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

from engine.errors import PairsError
from engine.spreadsheets import unguarded


def read_pair_ids(path: str | Path) -> list[str]:
    """Pair ids from a .csv with a pair_id column (guards of spreadsheets taken off), or from a text, one per line.

    Raises:
        PairsError: if the file cannot be read.
    """
    try:
        if str(path).endswith(".csv"):
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                cells = [row["pair_id"] for row in csv.DictReader(file)]
            return [unguarded(cell.strip()) for cell in cells if cell and cell.strip()]
        return [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise PairsError(
            "a .csv with a pair_id column, or a text file with one id per line", f"{path} ({error})", "Check the file."
        ) from error
