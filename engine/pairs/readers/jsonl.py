"""One JSON object per line: .jsonl."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.pairs.readers.delimited import refuse_utf_16
from engine.pairs.readers.interface import RawRow

LINES_FOR_COLUMNS = 1000
BOM = b"\xef\xbb\xbf"
NOT_JSON = "The line is not valid JSON."
NOT_AN_OBJECT = "The line is JSON, but not an object with named values."


class JsonLinesReader:
    """JSON Lines in UTF-8; blank lines are no rows."""

    name = "JSON lines"
    accepts = ".jsonl"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .jsonl (or its other name, .ndjson)."""
        return path.is_file() and path.suffix.lower() in (".jsonl", ".ndjson")

    def columns(self, path: Path) -> list[str]:
        """The names in the first thousand objects, in order of appearance.

        Raises:
            PairsError: if the file is in UTF-16.
        """
        refuse_utf_16(path)
        names: dict[str, None] = {}
        for row in itertools.islice(json_objects(path), LINES_FOR_COLUMNS):
            names.update(dict.fromkeys(row.values))
        return list(names)

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """One row per line; a name that an object lacks is an empty cell."""
        for row in json_objects(path):
            yield row if row.problem else RawRow({name: row.values.get(name) for name in columns})


def json_objects(path: Path) -> Iterator[RawRow]:
    """The objects of a file with all their values, in file order; a line that holds none with its problem."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            text = (line.removeprefix(BOM) if number == 0 else line).decode("utf-8", "surrogateescape")
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):  # also: numbers too long, nesting too deep
                yield RawRow({}, NOT_JSON, text)
                continue
            yield RawRow(value) if isinstance(value, dict) else RawRow({}, NOT_AN_OBJECT, text)
