"""Exports of decisions: one format is one file here and one line in `EXPORTS`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

import engine
from engine.errors import ConfigError
from engine.review.decisions import DecisionStore
from engine.review.exports.csv import CsvExport, read_csv_export
from engine.runs import SIGN_CONVENTION, RunFolder, finished_as, write_json

__all__ = ["EXPORTS", "WHICH", "Exporter", "export_rows", "provenance", "read_csv_export", "write_export"]


class Exporter(Protocol):
    """One format."""

    suffix: str

    def write(self, rows: pd.DataFrame, path: Path, provenance: dict[str, Any]) -> None:
        """Write the rows of `export_rows` to `path`; `provenance` says where they come from."""


EXPORTS: dict[str, Exporter] = {"csv": CsvExport()}
WHICH = ("decided", "all", "relabel", "drop")
COLUMNS = [
    *("pair_id", "image", "caption", "label", "split"),
    *("verdict", "new_caption", "annotator", "decided_at"),
    *("suspicion", "suspicion_rank", "influence", "influence_positive", "influence_negative"),
    *("clip_score", "pair_loss", "suggested_caption", "run_id"),
]


def export_rows(run: RunFolder, store: DecisionStore, which: str = "decided") -> pd.DataFrame:
    """The pairs of a run with their standing decisions, most suspicious first.

    Args:
        run: gives pairs and scores.
        store: gives decisions.
        which: decided, all, relabel or drop.

    Returns:
        `COLUMNS`; pairs outside the training split have no scores, undecided ones no verdict.

    Raises:
        ConfigError: if `which` is none of these.
    """
    if which not in WHICH:
        raise ConfigError(f"one of {', '.join(WHICH)}", repr(which), "Choose one of these.")
    pairs = run.table("pairs", columns=["pair_id", "pair_index", "image", "caption", "label", "split"])
    scores = run.table("scores")
    scores = scores[[name for name in ("pair_id", *COLUMNS) if name in scores][1:]]
    decided = store.current()[["pair_id", "verdict", "new_caption", "annotator", "decided_at"]]
    rows = pairs.merge(scores, on="pair_id", how="left").merge(
        decided, on="pair_id", how="left" if which == "all" else "inner"
    )
    if which in ("relabel", "drop"):
        rows = rows[rows["verdict"] == which]
    rows = rows.sort_values(["suspicion_rank", "pair_index"], na_position="last", ignore_index=True)
    rows["suspicion_rank"] = rows["suspicion_rank"].astype("Int64")
    return rows.assign(run_id=run.run_id)[COLUMNS]


def provenance(run: RunFolder, revision: int, format: str, which: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Where an export comes from: run, data and model hashes, version, counts, revision of the decisions."""
    record = run.record
    return {
        "run_id": run.run_id,
        "hashes": record.get("hashes"),
        "ecif_version": engine.__version__,
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "format": format,
        "which": which,
        "rows": len(rows),
        "verdicts": {str(name): int(count) for name, count in rows["verdict"].value_counts().items()},
        "decisions_revision": revision,
        "sign_convention": SIGN_CONVENTION,
    }


def write_export(run: RunFolder, store: DecisionStore, format: str, path: Path, which: str = "decided") -> int:
    """Write an export to `path` and its provenance to `path.provenance.json`, each whole or not at all.

    Returns:
        The number of rows.

    Raises:
        ConfigError: if the format is unknown or the target folder does not exist.
        StorageError: if the disk refuses.
    """
    if format not in EXPORTS:
        raise ConfigError(f"a format of {', '.join(EXPORTS)}", repr(format), "Choose one of these.")
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError("a file in a folder that exists", str(path), "Make the folder, or choose another.")
    revision = store.revision()  # before the rows: they hold every decision up to this one
    rows = export_rows(run, store, which)
    origin = provenance(run, revision, format, which, rows)
    with finished_as(path) as part:
        EXPORTS[format].write(rows, part, origin)
    write_json(path.with_name(path.name + ".provenance.json"), origin)
    return len(rows)
