"""All rows of everything that `--pairs` means, whatever number of files that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PairsError
from engine.pairs.readers import Reader, reader_for
from engine.pairs.reading import ReadOptions
from engine.pairs.rows import Row, read_rows
from engine.pairs.sources import Source, sources

SPLITS_IN_ORDER = ("train", "validation", "test")


@dataclass(frozen=True)
class Tables:
    """Files of one kind, read."""

    parts: tuple[tuple[str, list[Row]], ...]
    """(split that the folder says, else train; rows by file and place in it), training first; `Row.split` counts"""
    columns: Mapping[str, str]
    """meaning → name of the column in the first file that has it"""
    reader: str
    """what the files were read as, in words"""
    files: int
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows of all parts."""
        return [row for _, rows in self.parts for row in rows]


def read_tables(spec: str | Path, options: ReadOptions | None = None) -> Tables:
    """Read every file that is meant. A file that cannot be read stops everything: no shard is lost in silence.

    Args:
        spec: as for `engine.pairs.sources.sources`.
        options: where pictures lie, and the template of captions; None: as by default.

    Raises:
        PairsError: if nothing is meant, a file as a whole cannot be used, the files are of several kinds, or none of
            them has a row.
    """
    try:
        given = sources(spec)
        reader = _one_reader(given)
    except OSError as error:
        raise PairsError(
            "files that can be read", f"{error.filename or spec} ({error.strerror})", "Check its permissions."
        ) from error
    parts: dict[str, list[Row]] = {}
    columns: dict[str, str] = {}
    known: dict[str, set[Source]] = {}
    empty, elsewhere = [], dict[str, None]()
    for source in given:
        rows, found = read_rows(source.path, options)
        for row in rows:
            row.split = row.split or source.split
        parts.setdefault(source.split or "train", []).extend(rows)
        columns = {**found, **columns}
        for meaning in found:
            known.setdefault(meaning, set()).add(source)
        empty += [] if rows else [source]
        own = {str(source.path), str(source.path.parent), (options or ReadOptions()).images}
        places = dict.fromkeys(row.images for row in rows)
        elsewhere |= {one: None for one in places if one not in own and not Path(one).is_relative_to(source.path)}
    if len(empty) == len(given):
        raise PairsError("at least one row of data", f"none in {spec}", "Check that the right file was given.")
    notes = [*_without_rows(empty, given), *_without_column(known, given)]
    notes += [f"The pictures were found in {', '.join(elsewhere)}."] if elsewhere else []
    in_order = sorted(parts.items(), key=lambda part: SPLITS_IN_ORDER.index(part[0]))
    return Tables(tuple(in_order), columns, reader.name, len(given), tuple(notes))


def _one_reader(given: list[Source]) -> Reader:
    first, *others = ((source.path, reader_for(source.path)) for source in given)
    for path, reader in others:
        if reader is not first[1]:
            raise PairsError(
                "files of one kind",
                f"{first[0]} ({first[1].name}) and {path} ({reader.name})",
                "Narrow the pattern to the files that hold the pairs.",
            )
    return first[1]


def _without_rows(empty: list[Source], given: list[Source]) -> list[str]:
    return [f"{len(empty)} of {len(given)} files have no rows: {_first(empty)}."] if empty else []


def _without_column(known: Mapping[str, set[Source]], given: list[Source]) -> list[str]:
    found = []
    for meaning, those in known.items():
        if len(those) < len(given):
            others = [source for source in given if source not in those]
            found.append(f"{len(others)} of {len(given)} files have no column for the {meaning}: {_first(others)}.")
    return found


def _first(some: list[Source]) -> str:
    return f"{some[0].path}" + (f" and {len(some) - 1} more" if len(some) > 1 else "")
