"""What a format supplies, and what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from engine.review.exports.image_names import ImageNames
from engine.runs import RunFolder


@dataclass(frozen=True)
class Words:
    """A format in the words of `ecif export --help` and of the page, one short sentence each."""

    title: str
    """its name, a few words without a full stop"""
    what: str
    """what the file holds"""
    others: str
    """what becomes of undecided, unsure and kept pairs"""
    next: str
    """where to use it"""


@dataclass(frozen=True)
class Origin:
    """Where the rows of an export come from."""

    run: RunFolder
    facts: dict[str, Any]
    """what is known before the rows: run, hashes, version, format, selection, revision of the decisions"""
    sources: tuple[str, ...]
    """what was read, in the order of the pairs: tables, or containers of pairs"""
    images: ImageNames
    image_root: str
    """put before an image's path where a format wants an address"""


@dataclass(frozen=True)
class Written:
    """What an export wrote."""

    rows: int
    """pairs, or keys where a format lists keys"""
    notes: tuple[str, ...] = ()
    """sentences for the person who takes the file along"""


class Exporter(Protocol):
    """One format."""

    words: Words
    which: tuple[str, ...]
    """selections that make sense, names of `WHICH`; the first one is the default"""
    columns: tuple[str, ...]
    """what its chunks hold, names of `COLUMNS`"""
    is_ranked: bool
    """whether the most suspicious pairs come first (see `chunks_of`); else table order"""

    def file_name(self, run: RunFolder) -> str:
        """The proposed name of the file; without a suffix where a folder is written."""

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write a file, or a folder of files, to `path`, where nothing is.

        Args:
            chunks: a few thousand rows at a time, with `columns`; missing values are None or NaN.
            path: is renamed by the caller when everything is written.
            origin: where the rows come from.

        Raises:
            ConfigError: if the format cannot hold what it is given.
        """
