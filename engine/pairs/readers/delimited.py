"""Tables with one delimiter between cells: .csv and .tsv.

A quotation mark that is never closed would swallow the rest of the file: such a line is rejected by itself and
reading goes on with the next line.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import PairsError
from engine.pairs.readers.interface import RawRow

MAX_CELL_CHARACTERS = 2**24
LINES_READ_AGAIN, FEW_LINES = 2**20, 64
"""how many lines of records that failed are read again; then how many lines a record may have"""
BAD_QUOTES = "A quotation mark in this row is not closed, or text follows it; double the marks inside quoted text."
TOO_MANY_CELLS = "The row has more cells than the table has columns; put texts with the delimiter in quotation marks."
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class DelimitedReader:
    """Comma-, semicolon- or tab-separated text in UTF-8, with or without a byte order mark; names in the first row."""

    name = "a table (.csv, .tsv)"
    accepts = ".csv, .tsv"

    def takes(self, path: Path) -> bool:
        """Whether the suffix is .csv or .tsv."""
        return path.is_file() and path.suffix.lower() in (".csv", ".tsv")

    def columns(self, path: Path) -> list[str]:
        """The cells of the first row that is not blank; empty if there is none.

        Raises:
            PairsError: if the file is in UTF-16.
        """
        refuse_utf_16(path)
        cells, _ = next(_records(path), ([], ""))
        return cells or []

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows below the first; cells missing at the end of a row are empty."""
        records = _records(path)
        header, _ = next(records, ([], ""))
        place = {name: (header or []).index(name) for name in columns}
        for cells, raw in records:
            if cells is None:
                yield RawRow({}, BAD_QUOTES, raw)
            elif any(cell.strip() for cell in cells[len(header or []) :]):
                yield RawRow({}, TOO_MANY_CELLS, raw)
            else:
                yield RawRow({name: cells[at] if at < len(cells) else "" for name, at in place.items()})


def refuse_utf_16(path: Path) -> None:
    """Raises PairsError if a text file begins as UTF-16 and UTF-32 do."""
    with path.open("rb") as file:
        if file.read(2) in UTF_16:
            raise PairsError("a table in UTF-8", f"UTF-16 in {path}", "Save the table as UTF-8 text.")


class _Lines:
    """The lines of a file; those of a record that failed can be given back, all but the first.

    Where quotes open in every line and never close, each record would be the rest of the file, read again and again:
    what has been given back is counted, and in the end a record has few lines.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._again, self._most = lines, deque[str](), LINES_READ_AGAIN
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.record) >= self._most:
            raise csv.Error("a record of too many lines")
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        return line

    def only_first(self) -> str:
        """The first line of the record; the others will be read again."""
        self._most = max(FEW_LINES, self._most - len(self.record))
        self._again.extendleft(reversed(self.record[1:]))
        return self.record[0]


def _records(path: Path) -> Iterator[tuple[list[str] | None, str]]:
    """Cells of each record that is not blank (None: its quotes are wrong) and its text."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    is_tsv, delimiter = path.suffix.lower() == ".tsv", delimiter_of(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.record.clear()
            try:
                cells: list[str] | None = next(reader)
            except StopIteration:
                return
            except csv.Error:
                first = lines.only_first()
                lines.record[:] = [first]
                reader = csv.reader(lines, delimiter=delimiter, strict=True)
                # many .tsv files know no quoting at all: there the line counts as it stands
                cells = first.rstrip("\r\n").split(delimiter) if is_tsv else None
            raw = "".join(lines.record)
            if raw.strip() or delimiter in raw:  # a row of empty cells is a row
                yield cells, raw


def delimiter_of(path: Path) -> str:
    """The tab of a .tsv, the likeliest delimiter of a .csv by its first line (some spreadsheets write semicolons)."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = next((line for line in file if line.strip()), "")
    return max(",;\t", key=first.count)
