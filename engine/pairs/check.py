"""What `ecif check` tells about a table, before any run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from engine.errors import PairsError
from engine.pairs.duplicates import duplicate_groups
from engine.pairs.oddities import caption_oddities
from engine.pairs.reading import ReadOptions
from engine.pairs.splits import read_pair_table
from engine.runs import finished_as, storage_errors, write_json
from engine.spreadsheets import guarded

NUM_EXAMPLES = 8


@dataclass(frozen=True)
class PairsCheck:
    """What is in a table of pairs."""

    rows: int
    """data rows; accepted + rejected"""
    accepted: int
    rejected: int
    columns: Mapping[str, str]
    """meaning → name of the column in the table"""
    splits: Mapping[str, int]
    """accepted pairs per split"""
    duplicates: int
    """accepted pairs whose image is an exact or near copy of another pair's"""
    examples: tuple[tuple[str, str], ...]
    """(image, caption) of the first accepted pairs"""
    places: tuple[str, ...]
    """the folder or container where the picture of each of them lies"""
    oddities: int
    """accepted pairs whose caption looks odd by itself"""
    odd_examples: tuple[tuple[str, str], ...]
    """(caption, what is odd about it) of the oddest, each caption once"""
    reasons: Mapping[str, int]
    """reason → rejected rows, most frequent first"""
    notes: tuple[str, ...]
    seconds: float
    """that reading took"""


def check_pairs(
    pairs: str | Path,
    options: ReadOptions | None = None,
    rejects_csv: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PairsCheck:
    """Read a table, every image included, and count what can be used and what not.

    Args:
        pairs: the table.
        options: where its pictures lie, and the template of captions; None: as by default.
        rejects_csv: file that gets the rejected rows with their reasons; None writes none.
        progress: called with (done, total) image files.

    Raises:
        PairsError: if the table as a whole cannot be used.
        StorageError: if the rejects cannot be written.
    """
    started = time.monotonic()
    found = read_pair_table(pairs, options, progress)
    seconds = time.monotonic() - started
    if rejects_csv is not None:
        _write_rejects(found.rejects, Path(rejects_csv))
    first = found.pairs.head(NUM_EXAMPLES)
    odd = caption_oddities(found.pairs["caption"], found.pairs["content_hash"])
    odd["caption"] = found.pairs["caption"].to_numpy()
    odd = odd[odd["oddity"] > 0].sort_values("oddity", ascending=False, kind="stable")
    oddest = odd.drop_duplicates("caption").head(NUM_EXAMPLES)
    return PairsCheck(
        rows=len(found.pairs) + len(found.rejects),
        accepted=len(found.pairs),
        rejected=len(found.rejects),
        columns=found.columns,
        splits=found.pairs["split"].value_counts().to_dict(),
        duplicates=int((duplicate_groups(found.pairs) >= 0).sum()),
        examples=tuple(zip(first["image"], first["caption"], strict=True)),
        places=tuple(first["images"]),
        oddities=len(odd),
        odd_examples=tuple(zip(oddest["caption"], oddest["oddity_reason"], strict=True)),
        reasons=found.rejects["reason"].value_counts().to_dict(),
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
        texts = {name: tuple(values[name]) for name in ("places", "notes")}
        return PairsCheck(**{**values, **lists, **texts})
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise PairsError(
            "a file that `ecif check --json` wrote", f"{path} ({error})", "Check the table again."
        ) from error


def _write_rejects(rejects: pd.DataFrame, path: Path) -> None:
    """As UTF-8 with a byte order mark, so that spreadsheets read it; cells they would run as formulas get a quote."""
    safe = rejects.copy()
    for name in ("image", "caption", "source"):
        safe[name] = [guarded(text) for text in safe[name]]
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with finished_as(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        safe.to_csv(file, index=False)
