"""The run folder: where its files are, which steps are finished, how it is written and read.

A step writes `NAME.part` and renames it to `NAME` when it is finished: the file name is the state.
This folder is the only interface between the engine and the dashboard. No torch here.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from engine.config import RunConfig
from engine.errors import (
    ConfigError,
    RunFolderAbsent,
    RunFolderDamaged,
    RunFolderPartial,
    RunFolderVersion,
    StorageError,
)

FORMAT_VERSION = 2
TABLES = (
    "pairs",
    "rejects",
    "batches",
    "queries",
    "signals",
    "scores",
    "disturbs",
    "suggestions",
    "traces",
    "neighbours",
    "map",
)
_ROLES = ("influence", "influence_positive", "influence_negative")
COLUMNS = {
    "pairs": (
        *("pair_id", "pair_index", "image", "images", "caption", "label", "split"),
        *("content_hash", "thumbnail", "source"),
    ),
    "rejects": ("row", "image", "caption", "reason"),
    "batches": ("segmentation", "batch_index", "pair_id"),
    "queries": (
        "query_id",
        "kind",
        "pair_id",
        "true_label",
        "predicted_label",
        "correct",
        "confidence",
        "loss",
        "margin",
    ),
    "scores": ("pair_id", *_ROLES, "relative_influence", "clip_score", "pair_loss", "suspicion", "suspicion_rank"),
    "signals": ("pair_id", "p_wrong", "suspicion", "suspicion_rank", "reason"),
    "suggestions": ("pair_id", "rank", "caption", "fit", "effect", "source"),
    "disturbs": ("pair_id", "other_pair_id", "influence"),
    "traces": ("query_id", "pair_id", *_ROLES, "relative_influence", "side", "rank"),
    "neighbours": ("pair_id", "kind", "other_pair_id", "similarity", "rank"),
    "map": ("pair_id", "kind", "x", "y"),
}
"""the columns that every reader of a run may count on"""
SIGN_CONVENTION = (
    "influence > 0: removing the pair raises the query loss, the pair helps; "
    "influence < 0: removing it lowers the query loss, the pair hurts"
)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals below this context into a sentence.

    Raises:
        StorageError: if the disk is full, read-only, or gives no permission.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"room to write {path}", "a full disk", "Free some space and run the same command again: it resumes."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StorageError(
                f"permission to write {path}", f"'{error.strerror}'", "Choose another folder with --out."
            ) from error
        if error.errno in (errno.EISDIR, errno.ENOTEMPTY):
            raise StorageError("a place to write", f"{path}, which is a folder", "Choose another name.") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            raise StorageError(
                f"a folder that can be made at {path}", f"'{error.strerror}'", "Choose another folder with --out."
            ) from error
        raise


@contextlib.contextmanager
def finished_as(path: Path) -> Iterator[Path]:
    """Give a `.part` path to write to; rename it to `path` when the block ends without an error.

    Raises:
        StorageError: if the disk is full, read-only, or gives no permission.
    """
    part = path.with_name(path.name + ".part")
    with storage_errors(path):
        if path.exists() and not (path.is_file() or path.is_dir()):  # renaming would replace a pipe or a device
            raise StorageError("a file to write", f"{path}, which is a pipe or a device", "Name a file.")
        if part.is_symlink():  # somebody else's: never written through
            part.unlink()
        elif part.is_dir():
            shutil.rmtree(part)
        yield part
        if part.is_file():
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` to `path` atomically."""
    with finished_as(path) as part:
        part.write_text(json.dumps(values, indent=2, ensure_ascii=False), encoding="utf-8")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` to the Parquet file `path` atomically."""
    with finished_as(path) as part:
        table.to_parquet(part, index=False)


def is_wrong(queries: pd.DataFrame) -> pd.Series:
    """Which rows of a queries table are wrong predictions; the validation query has no right or wrong."""
    return ~queries["correct"].fillna(True).astype(bool)


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The run at `path`, whatever its state.

        Raises:
            RunFolderAbsent: if there is no run.
            RunFolderDamaged: if its configuration or record cannot be read.
            RunFolderVersion: if another version of the format wrote it.
        """
        folder = cls(Path(path))
        if not (folder.path / "config.json").is_file():
            raise RunFolderAbsent(
                "a run folder (with config.json)", str(path), "Check the path, or start a run with `ecif run`."
            )
        version = folder.record.get("format_version")
        if version != FORMAT_VERSION:
            raise RunFolderVersion(
                f"run format {FORMAT_VERSION}",
                f"format {version} in {path}",
                "Run the same config.json again with this version.",
            )
        return folder

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """The configuration that replays this run."""
        try:
            return RunConfig.load(self.path / "config.json")
        except ConfigError as error:
            raise RunFolderDamaged(
                "a readable config.json", f"{error.got} in {self.path}", "Delete the folder and run again."
            ) from error

    @property
    def record(self) -> dict[str, Any]:
        """What was done, with what, and what it cost."""
        return self._json("record.json", {"format_version": FORMAT_VERSION})

    @property
    def progress(self) -> dict[str, Any]:
        """How far a running engine has come; empty if it never said."""
        return self._json("progress.json", {})

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return bool(self.record.get("finished_at"))

    @property
    def revision(self) -> str:
        """Changes whenever the run's contents change: a key for caches."""
        stat = (self.path / "record.json").stat() if (self.path / "record.json").is_file() else None
        return f"{self.run_id}:{stat.st_mtime_ns if stat else 0}"

    def has(self, name: str) -> bool:
        """Whether the step that writes `name` has finished."""
        return (self.path / name).exists()

    def has_table(self, name: str) -> bool:
        """Whether the table `name` is finished."""
        return self.has(f"{name}.parquet")

    def table(self, name: str, columns: list[str] | None = None, pair_id: str | None = None) -> pd.DataFrame:
        """The finished table `name`.

        Args:
            name: one of `TABLES`.
            columns: only these.
            pair_id: only rows of this pair; quick where the table is in the order of pair_id.

        Raises:
            RunFolderPartial: if the step that writes it has not finished.
            RunFolderDamaged: if the file cannot be read.
        """
        path = self.path / f"{name}.parquet"
        if not path.is_file():
            raise RunFolderPartial(
                f"a finished {name} table", f"a run without it ({self.path})", "Run the same command again: it resumes."
            )
        try:
            wanted = None if pair_id is None else [("pair_id", "==", pair_id)]
            found = pd.read_parquet(path, columns=columns, filters=wanted)
            absent = [one for one in COLUMNS[name] if one not in found and (columns is None or one in columns)]
            if absent:
                raise ValueError(f"without {', '.join(absent)}")
            return found
        except (OSError, ValueError) as error:  # pyarrow.ArrowInvalid is a ValueError
            raise RunFolderDamaged(
                f"a readable {name} table",
                f"{path} ({error})",
                f"Delete {path.name} and run again: only that step is repeated.",
            ) from error

    def step(self, name: str, do: Callable[[Path], None]) -> bool:
        """Write `name` by `do(part_path)` unless it is finished; True if it was done now."""
        if self.has(name):
            return False
        with finished_as(self.path / name) as part:
            do(part)
        return True

    def update_record(self, **values: Any) -> None:
        """Merge `values` into record.json (dicts one level deep)."""
        record = self.record
        for key, value in values.items():
            old = record.get(key)
            record[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        write_json(self.path / "record.json", record)

    def thumbnail(self, name: str) -> Path:
        """The path of the thumbnail file `name` (the `thumbnail` column of the pairs table)."""
        return self.path / "thumbnails" / name

    def _json(self, name: str, default: dict[str, Any]) -> dict[str, Any]:
        path = self.path / name
        if not path.exists():
            return dict(default)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ValueError("not an object")
            return values
        except (OSError, ValueError) as error:
            raise RunFolderDamaged(
                f"a readable {name}", f"{path} ({error})", "Delete the folder and run again."
            ) from error


def list_runs(runs_dir: str | Path) -> list[RunFolder]:
    """The runs in `runs_dir`, newest first; folders that are not runs are passed over."""
    folder = Path(runs_dir)
    if not folder.is_dir():
        return []
    found = [RunFolder(p) for p in folder.iterdir() if (p / "config.json").is_file()]
    return sorted(found, key=lambda run: (run.path / "config.json").stat().st_mtime, reverse=True)
