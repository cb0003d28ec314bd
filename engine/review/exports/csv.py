"""CSV that no spreadsheet takes for a formula, and that reads back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.rows import COLUMNS, WHICH, records
from engine.runs import RunFolder
from engine.spreadsheets import guarded

NUMBERS = {
    **dict.fromkeys(("suspicion", "influence", "influence_positive", "influence_negative"), float),
    **dict.fromkeys(("clip_score", "pair_loss"), float),
    "suspicion_rank": int,
}


class CsvExport:
    """UTF-8, one header line, a newline at the end of each line."""

    words = Words(
        "CSV table",
        "One row per pair with decision and scores, for a spreadsheet; text that could run as a formula is guarded.",
        "Undecided pairs have an empty verdict; keep and unsure stand as they are.",
        "Open it in a spreadsheet, or give it to `ecif whatif --drop` when it holds dropped pairs only.",
    )
    which = tuple(WHICH)
    columns: tuple[str, ...] = COLUMNS
    is_ranked = True

    def file_name(self, run: RunFolder) -> str:
        """decisions.csv."""
        return "decisions.csv"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write the table; strings are guarded, numbers are not."""
        rows = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(csv_line([guarded(name) for name in self.columns]))
            for chunk in chunks:
                file.writelines(csv_line(_cells(record.values())) for record in records(chunk))
                rows += len(chunk)
        return Written(rows)


def csv_line(cells: Sequence[object], delimiter: str = ",") -> str:
    """One row. The writer quotes a lone return only if its own line end has one, so that end is replaced."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL).writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _cells(values: Iterable[object]) -> list[object]:
    return ["" if value is None else guarded(value) for value in values]
