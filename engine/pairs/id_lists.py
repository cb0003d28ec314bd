"""Lists of pair ids that people write by hand or export from a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from engine.errors import PairsError
from engine.pairs.readers.delimited import DelimitedReader
from engine.spreadsheets import guarded, unguarded


def read_pair_ids(path: str | Path) -> list[str]:
    """Pair ids from a .csv or .tsv with a pair_id column (guards of spreadsheets taken off), or one per line of text.

    Raises:
        PairsError: if the file, or a row of it, cannot be read.
    """
    try:
        if Path(path).suffix.lower() in (".csv", ".tsv"):
            return _of_table(Path(path))
        return [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise PairsError(
            "a .csv with a pair_id column, or a text file with one id per line", f"{path} ({error})", "Check the file."
        ) from error


def write_pair_ids(path: str | Path, pair_ids: Iterable[str]) -> None:
    """Write a .csv that `read_pair_ids` reads back exactly, whatever characters the ids hold."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["pair_id"], *([guarded(pair_id)] for pair_id in pair_ids)])


def _of_table(path: Path) -> list[str]:
    reader = DelimitedReader()
    if "pair_id" not in reader.columns(path):
        raise ValueError("no column pair_id")
    found = []
    for number, row in enumerate(reader.rows(path, ["pair_id"]), start=1):
        if row.problem:  # passed over, its pair would silently stay
            raise ValueError(f"row {number}: {row.problem}")
        found.append(unguarded(row.values["pair_id"].strip()))
    return [pair_id for pair_id in found if pair_id]
