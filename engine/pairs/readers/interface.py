"""What a reader of one format supplies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class RawRow:
    """One data row as the format gives it, unchecked."""

    values: Mapping[str, Any]
    """column → cell; bytes that are no UTF-8 stand in texts as lone surrogates (surrogateescape)"""
    problem: str | None = None
    """why the row as a whole cannot be read, one sentence; None if it could"""
    raw: str = ""
    """with a problem: the row as it stands in the file, as far as it is text"""
    features_hash: str | None = None
    """sha256 of the image features where a format gives features instead of images; there is no picture then"""
    images: Path | None = None
    """folder or container where the picture lies; None: the table's folder, or what `--images` says"""
    found_in: Path | None = None
    """folder where the picture was found that the format does not name: what `--images` says goes before it"""
    class_name: str | None = None
    """class of a picture that has no caption: the caption is made from it with the template"""


class Reader(Protocol):
    """Reads tables of one format, row by row, in file order."""

    name: str
    """of the format, in words"""
    accepts: str
    """the formats in words, for messages"""

    def takes(self, path: Path) -> bool:
        """Whether this reader is the one for an existing path."""
        ...

    def columns(self, path: Path) -> list[str]:
        """The names of the table's columns.

        Raises:
            PairsError: if the table as a whole cannot be read.
        """
        ...

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The data rows with the cells of `columns`; a bad row is yielded with its problem, never left out.

        Raises:
            PairsError: if the table as a whole cannot be read.
        """
        ...
