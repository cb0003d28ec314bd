"""JSON Lines: one object per pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import COLUMNS, WHICH, records
from engine.runs import RunFolder


class JsonLinesExport:
    """UTF-8, one object per line, null where a value is missing."""

    words = Words(
        "JSON Lines",
        "One JSON object per pair and line with decision and scores, for scripts.",
        "Undecided pairs have a null verdict; keep and unsure stand as they are.",
        "Read it line by line, or with `pandas.read_json(…, lines=True)`.",
    )
    which = tuple(WHICH)
    columns = COLUMNS
    is_ranked = True

    def file_name(self, run: RunFolder) -> str:
        """decisions.jsonl."""
        return "decisions.jsonl"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write one object per row."""
        rows = 0
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for chunk in chunks:
                file.writelines(json_line(record) + "\n" for record in records(chunk))
                rows += len(chunk)
        return Written(rows)
