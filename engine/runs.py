"""The run folder: where its files are, which steps are finished, how it is written and read.

A step writes `NAME.part` and renames it to `NAME` when it is finished: the file name is the state.
This folder is the only interface between the engine and the dashboard. No torch here.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from safetensors import SafetensorError

from engine.config import RunConfig
from engine.errors import (
    ConfigError,
    RunFolderDamaged,
    RunFolderPartial,
    RunFolderVersion,
    StorageError,
)
from engine.run_checks import AGAIN, check_folder, check_inside, check_record, check_table, is_run_like

FORMAT_VERSION = 3
TABLES = (
    "pairs",
    "rejects",
    "batches",
    "queries",
    "signals",
    "scores",
    "ranked",
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
    "ranked": (
        *("place", "pair_id", "pair_index", "image", "images", "caption", "label", "split", "thumbnail"),
        *("caption_folded", *_ROLES, "relative_influence", "clip_score", "pair_loss", "suspicion", "suspicion_rank"),
    ),
    "signals": ("pair_id", "p_wrong", "suspicion", "suspicion_rank", "reason"),
    "suggestions": ("pair_id", "rank", "caption", "fit", "effect", "source"),
    "disturbs": ("pair_id", "other_pair_id", "influence"),
    "traces": ("query_id", "pair_id", *_ROLES, "relative_influence", "side", "rank"),
    "neighbours": ("pair_id", "kind", "other_pair_id", "similarity", "rank"),
    "map": ("pair_id", "kind", "x", "y"),
}
"""the columns that every reader of a run may count on"""
SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""what NumPy says when the disk took a part of an array"""
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
    except (OSError, SafetensorError) as error:
        number = _system_number(error)
        refused = None if number is None else _refusal(path, number)
        if refused is None:
            raise
        raise refused from error


def _system_number(error: Exception) -> int | None:
    """The system's number of a refusal; two libraries tell it in their words only."""
    if isinstance(error, OSError):
        return errno.ENOSPC if SHORT_WRITE.fullmatch(str(error)) else error.errno
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else None


def _refusal(path: Path, number: int) -> StorageError | None:
    words = os.strerror(number)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"room to write {path}", f"a full disk ('{words}')", "Free some space and run the same command again."
        )
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageError(f"permission to write {path}", f"'{words}'", "Choose another folder with --out.")
    if number in (errno.EISDIR, errno.ENOTEMPTY):
        return StorageError("a place to write", f"{path}, which is a folder", "Choose another name.")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return StorageError(f"a folder that can be made at {path}", f"'{words}'", "Choose another folder with --out.")
    return None


@contextlib.contextmanager
def finished_as(path: Path, resumable: bool = False) -> Iterator[Path]:
    """Give a `.part` path to write to; rename it to `path` when the block ends without an error.

    What is written reaches the disk before it gets its name, and the name before this returns. After an error nothing
    half written is left: on a full disk it would only take up room. What is `resumable`, a folder, stays for the next.

    Raises:
        StorageError: if the disk is full, read-only, or gives no permission.
    """
    part = path.with_name(path.name + ".part")
    with storage_errors(path):
        if path.exists() and not (path.is_file() or path.is_dir()):  # renaming would replace a pipe or a device
            raise StorageError("a file to write", f"{path}, which is a pipe or a device", "Name a file.")
        if not resumable or part.is_symlink() or not part.is_dir():
            _remove(part)  # of a process that was killed
        try:
            yield part
            _to_disk(part)
            part.replace(path)
            _to_disk(path.parent, only_itself=True)
        except BaseException:
            if not resumable:
                _remove(part, ignore_errors=True)
            raise


def _remove(part: Path, ignore_errors: bool = False) -> None:
    """Remove a file or a folder; of a link, which is somebody else's, only the link."""
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors)
        return
    with contextlib.suppress(OSError if ignore_errors else FileNotFoundError):
        part.unlink()


def _to_disk(path: Path, only_itself: bool = False) -> None:
    """Wait until a file, or a folder with all it holds, is on the disk; otherwise a power cut may leave empty files."""
    inside = path.rglob("*") if path.is_dir() and not only_itself else ()
    for one in (*inside, path):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):  # some file systems cannot do this
                raise
        finally:
            os.close(descriptor)


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
            RunFolderPartial: if there is only a part of one, such as a folder that was not copied whole.
            RunFolderDamaged: if its configuration or record cannot be read.
            RunFolderVersion: if another version of the format wrote it.
        """
        folder = cls(Path(path))
        check_folder(folder.path)
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
        return self._json("record.json", {"format_version": FORMAT_VERSION}, check_record)

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
            if self.is_finished:
                raise RunFolderPartial("a whole run folder", f"{path.parent} without {path.name}", AGAIN)
            raise RunFolderPartial(
                f"a finished {name} table", f"a run without it ({self.path})", "Run the same command again: it resumes."
            )
        try:
            check_inside(path, self.path)
            wanted = None if pair_id is None else [("pair_id", "==", pair_id)]
            found = pd.read_parquet(path, columns=columns, filters=wanted)
            check_table(name, found, [one for one in COLUMNS[name] if columns is None or one in columns])
            return found
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise RunFolderDamaged(
                f"a readable {name} table",
                f"{path} ({error})",
                f"Delete {path.name} and run again: only that step is repeated.",
            ) from error

    def step(self, name: str, do: Callable[[Path], None], resumable: bool = False) -> bool:
        """Write `name` by `do(part_path)` unless it is finished; True if it was done now; see `finished_as`."""
        if self.has(name):
            return False
        with finished_as(self.path / name, resumable) as part:
            do(part)
        return True

    def update_record(self, **values: Any) -> None:
        """Merge `values` into record.json (dicts one level deep)."""
        record = self.record
        for key, value in values.items():
            old = record.get(key)
            record[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        write_json(self.path / "record.json", record)

    def _json(
        self, name: str, default: dict[str, Any], check: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        path = self.path / name
        if not path.exists():
            return dict(default)
        try:
            check_inside(path, self.path)
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ValueError("not an object")
            if check is not None:
                check(values)
            return values
        except (OSError, ValueError, RecursionError) as error:
            raise RunFolderDamaged(
                f"a readable {name}", f"{path} ({error})", "Delete the folder and run again."
            ) from error


def list_runs(runs_dir: str | Path) -> list[RunFolder]:
    """The runs in `runs_dir`, newest first, incomplete ones too; folders that are not runs are passed over."""
    folder = Path(runs_dir)
    if not folder.is_dir():
        return []
    return sorted((RunFolder(path) for path in folder.iterdir() if is_run_like(path)), key=_begun_at, reverse=True)


def _begun_at(run: RunFolder) -> float:
    """Unix seconds; 0 for a folder that has just gone."""
    for path in (run.path / "config.json", run.path):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0
