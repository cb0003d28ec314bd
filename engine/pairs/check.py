"""What `ecif check` tells about a table, before any run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import PairsError
from engine.pairs.duplicates import duplicate_groups
from engine.pairs.oddities import caption_oddities
from engine.pairs.readers import reader_for
from engine.pairs.reading import ReadOptions
from engine.pairs.sources import sources
from engine.pairs.splits import read_pair_table
from engine.runs import finished_as, storage_errors, write_json
from engine.spreadsheets import guarded

NUM_EXAMPLES = 8
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class PairsCheck:
    """What is in a data set."""

    reader: str
    """what it was read as, in words"""
    files: int
    """files or folders that were read"""
    rows: int
    """data rows; accepted + rejected"""
    accepted: int
    rejected: int
    columns: Mapping[str, str]
    """meaning → name of the column in the table"""
    unused: tuple[str, ...]
    """columns of the first table that mean nothing to a run"""
    splits: Mapping[str, int]
    """accepted pairs per split"""
    duplicates: int
    """accepted pairs whose image is an exact or near copy of another pair's"""
    examples: tuple[tuple[str, str], ...]
    """(image, caption) of accepted pairs from the first to the last"""
    places: tuple[str, ...]
    """the folder or container where the picture of each of them lies"""
    oddities: int
    """accepted pairs whose caption looks odd by itself"""
    odd_examples: tuple[tuple[str, str], ...]
    """(caption, what is odd about it) of the oddest, each caption once"""
    reasons: Mapping[str, int]
    """reason → rejected rows, most frequent first"""
    first_rejects: Mapping[str, str]
    """reason → table, row and picture of the first row that was rejected for it"""
    notes: tuple[str, ...]
    seconds: float
    """that reading took"""


def check_pairs(
    pairs: str | Path,
    options: ReadOptions | None = None,
    rejects_csv: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PairsCheck:
    """Read a data set, every image included, and count what can be used and what not.

    Args:
        pairs: as for `read_pair_table`.
        options: where its pictures lie, and the template of captions; None: as by default.
        rejects_csv: file that gets the rejected rows with their reasons; None writes none.
        progress: called with (done, total) image files.

    Raises:
        PairsError: if the data set as a whole cannot be used.
        StorageError: if the rejects cannot be written.
    """
    started = time.monotonic()
    found = read_pair_table(pairs, options, progress)
    seconds = time.monotonic() - started
    if rejects_csv is not None:
        _write_rejects(found.rejects, Path(rejects_csv))
    some = np.linspace(0, len(found.pairs) - 1, min(NUM_EXAMPLES, len(found.pairs)))
    shown = found.pairs.iloc[some.round().astype(int)]
    odd = caption_oddities(found.pairs["caption"], found.pairs["content_hash"].cat.codes)
    odd = odd[odd["oddity"] > 0].sort_values("oddity", ascending=False, kind="stable")
    odd["caption"] = found.pairs["caption"].iloc[odd.index].to_numpy()
    oddest = odd.drop_duplicates("caption").head(NUM_EXAMPLES)
    return PairsCheck(
        reader=found.reader,
        files=found.files,
        rows=len(found.pairs) + len(found.rejects),
        accepted=len(found.pairs),
        rejected=len(found.rejects),
        columns=found.columns,
        unused=_unused(sources(pairs)[0].path, found.columns),
        splits=found.pairs["split"].value_counts().to_dict(),
        duplicates=int((duplicate_groups(found.pairs) >= 0).sum()),
        examples=tuple(zip(shown["image"], shown["caption"], strict=True)),
        places=tuple(shown["images"]),
        oddities=len(odd),
        odd_examples=tuple(zip(oddest["caption"], oddest["oddity_reason"], strict=True)),
        reasons=found.rejects["reason"].value_counts().to_dict(),
        first_rejects=_first_rejects(found.rejects),
        notes=found.notes,
        seconds=seconds,
    )


def write_check(found: PairsCheck, path: Path) -> None:
    """Write a check as JSON.

    Raises:
        StorageError: if the file cannot be written.
    """
    write_json(path, dataclasses.asdict(found))


def read_check(path: str | Path) -> PairsCheck:
    """Read what `write_check` wrote.

    Raises:
        PairsError: if it is something else.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        lists = {name: tuple(map(tuple, values[name])) for name in ("examples", "odd_examples")}
        texts = {name: tuple(values[name]) for name in ("unused", "places", "notes")}
        return PairsCheck(**{**values, **lists, **texts})
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise PairsError(
            "a file that `ecif check --json` wrote", f"{path} ({error})", "Check the table again."
        ) from error


def _unused(table: Path, columns: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(reader_for(table).columns(table)) if name not in columns.values())


def _first_rejects(rejects: pd.DataFrame) -> dict[str, str]:
    first = rejects.drop_duplicates("reason")
    return {
        one.reason: f"{Path(one.source).name}, row {one.row:,}: {(one.image or one.caption)[:SHOWN_CHARACTERS]}"
        for one in first.itertuples()
    }


def _write_rejects(rejects: pd.DataFrame, path: Path) -> None:
    """As UTF-8 with a byte order mark, so that spreadsheets read it; cells they would run as formulas get a quote."""
    safe = rejects.copy()
    for name in ("image", "caption", "source"):
        safe[name] = [guarded(text) for text in safe[name]]
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with finished_as(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        safe.to_csv(file, index=False)
