"""The cleaned data set: the original tables with new captions in and dropped pairs out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import ConfigError, PairsError
from engine.review.exports.cleaned_tables import TABLES, write_cleaned
from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.rows import distinct_values, records
from engine.runs import RunFolder


class CleanedExport:
    """One table where the run read one; a folder with a table for each where it read several."""

    words = Words(
        "Cleaned data set",
        "The original table in its own format, new captions in, dropped pairs out, `pair_id` and `split` kept.",
        "Undecided, unsure and kept pairs stay as they are; rows that could not be read are left out.",
        "Put it beside the original table, then `ecif run` or train on it. It is not guarded for spreadsheets.",
    )
    which = ("clean",)
    columns = ("pair_id", "image", "caption", "split", "source", "row", "verdict", "new_caption")
    is_ranked = False

    def file_name(self, run: RunFolder) -> str:
        """The table's own name with -clean, or the folder cleaned."""
        names = distinct_values(run, "source")
        return _clean_name(names[0]) if len(names) == 1 else "cleaned"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Walk each original table and the rows that stay side by side.

        Raises:
            ConfigError: if a table is not there, has changed since the run, was read twice, or holds features instead
                of images.
        """
        sources, rows, with_rows = origin.sources, 0, set[str]()
        places = frozenset(origin.images.places)
        for source in sources:
            _must_be_readable(source, places)
        names = dict(zip(sources, _free_names(sources), strict=True))
        if len(sources) != 1:
            path.mkdir()
        staying = (record for chunk in chunks for record in records(chunk))
        for source, of_source in itertools.groupby(staying, key=lambda record: record["source"]):
            if source in with_rows:
                raise ConfigError("tables that were read once each", f"{source} twice", "Export the drop list instead.")
            with_rows.add(source)
            rows += _written(source, of_source, path if len(sources) == 1 else path / names[source])
        if len(sources) == 1 and not with_rows:
            _written(sources[0], iter(()), path)
        return Written(rows, (_where(sources, origin.images.places, names), *_nothing_left(sources, with_rows)))


def _written(source: str, of_source: Iterator[dict[str, Any]], table: Path) -> int:
    try:
        return write_cleaned(Path(source), of_source, table)
    except PairsError as error:
        raise ConfigError("the table that the run was made from", str(error.got), "Run again on it, first.") from error


def _must_be_readable(source: str, places: frozenset[str]) -> None:
    if Path(source).is_dir() or Path(source).suffix.lower() not in TABLES or source in places:
        raise ConfigError(
            f"a run on a table ({', '.join(TABLES)}) with its images beside it",
            f"{source}",
            "Export the drop list or COCO captions instead.",
        )
    if not Path(source).is_file():
        raise ConfigError(
            "the original table",
            f"nothing at {source}",
            "Export where the data set lies, or choose another format.",
        )


def _clean_name(source: str) -> str:
    path = Path(source)
    return f"{path.stem}-clean{path.suffix}"


def _free_names(sources: tuple[str, ...]) -> list[str]:
    """File names of the tables; those that another table has too get their number in front."""
    names = [_clean_name(source) for source in sources]
    times = Counter(names)
    return [name if times[name] == 1 else f"{at}-{name}" for at, name in enumerate(names, 1)]


def _nothing_left(sources: tuple[str, ...], with_rows: set[str]) -> tuple[str, ...]:
    return tuple(f"No pair of {source} stays." for source in sources if source not in with_rows)


def _where(sources: tuple[str, ...], places: tuple[str, ...], names: dict[str, str]) -> str:
    folders = {str(Path(source).parent) for source in sources}
    if len(places) == 1 and folders != set(places):
        return f"The images lie elsewhere: give --images {places[0]} together with what was written."
    if len(folders) == 1:
        folder = folders.pop()
        return f"Image paths are relative to {folder}: put what was written into that folder before using it."
    targets = "; ".join(f"{names[source]} into {Path(source).parent}" for source in sources)
    return f"Image paths are relative to each original table: put {targets}."
