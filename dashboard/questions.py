"""Questions to the engine asked from a page: a process that outlives the page, its answer a file beside the runs.

A question is a folder `.questions/KEY`: the pairs it is about, the process that works on it, what that prints, and its
answer. KEY is made from the run, its revision and what is asked, so the same question is found again after a reload,
in another tab and by another person, and is never computed twice. No Streamlit here.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from dashboard.processes import end, engine_command, environment
from engine.pairs.id_lists import read_pair_ids, write_pair_ids
from engine.processes import age_seconds, at_work, birth
from engine.runs import RunFolder, finished_as, storage_errors, write_json, write_table

FOLDER = ".questions"
SETS, IDS = "sets", "ids.csv"
STOP_SECONDS = 3
LAST_CHARACTERS = 2_000
SET_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Question:
    """Something to compute about one run."""

    folder: Path
    command: tuple[str, ...]
    """of `ecif`, without --out and --drop"""
    answer: Path
    """written by the command when it is done"""
    pair_ids: tuple[str, ...] = ()
    """what --drop names; none for a trace"""

    @property
    def is_answered(self) -> bool:
        """Whether the answer is there."""
        return self.answer.is_file()

    @property
    def is_alive(self) -> bool:
        """Whether a process works on it."""
        return self._process() is not None

    @property
    def has_failed(self) -> bool:
        """Whether a process gave up on it."""
        return bool(self._started) and not self.is_answered and not self.is_alive

    @property
    def seconds(self) -> float:
        """Since the process was started; 0 without one that still works."""
        process = self._process()
        try:
            return age_seconds(process.pid) if process else 0.0
        except psutil.NoSuchProcess:  # it ended just now
            return 0.0

    @property
    def last_words(self) -> str:
        """What a process that failed said."""
        try:
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text.strip()[-LAST_CHARACTERS:]

    def start(self) -> None:
        """Set a process to work, unless one is or the answer is there.

        Raises:
            StorageError: if the folder of runs cannot be written.
        """
        if self.is_answered or self.is_alive:
            return
        command = engine_command(*self.command, "--out", str(self.answer))
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.pair_ids:
                write_pair_ids(self.folder / IDS, self.pair_ids)
                command += ["--drop", str(self.folder / IDS)]
            with (self.folder / "log.txt").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )
        write_json(self.folder / "process.json", {"pid": process.pid, "born": birth(process.pid)})

    def stop(self) -> None:
        """Stop the process and forget that it was asked."""
        end(self._process(), STOP_SECONDS)
        (self.folder / "process.json").unlink(missing_ok=True)

    @property
    def _started(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / "process.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _process(self) -> psutil.Process | None:
        """The process, if it still works."""
        started = self._started
        try:
            return at_work(started["pid"], started["born"])
        except (KeyError, TypeError, ValueError):  # none was started, or its file is damaged
            return None


@dataclass(frozen=True)
class WhatIfQuestion(Question):
    """What the model would be without `pair_ids`."""

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """What `ecif whatif --out` wrote; see `engine.what_if.summary`. Only of an answered question."""
        return json.loads(self.answer.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class TraceQuestion(Question):
    """Which pairs are behind one prediction."""

    @cached_property
    def traces(self) -> pd.DataFrame:
        """Rows like those of the run's traces table. Only of an answered question."""
        return pd.read_parquet(self.answer)

    def keep(self, traces: pd.DataFrame) -> None:
        """Make `traces` the answer, for a reload and for whoever asks next.

        Raises:
            StorageError: if the folder of runs cannot be written.
        """
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_table(self.answer, traces)


def what_if_question(
    run: RunFolder, pair_ids: Iterable[str], *, retrain: bool = False, query_id: str | None = None
) -> WhatIfQuestion:
    """The question what a run's model would be without these pairs.

    Args:
        run: a finished run.
        pair_ids: training pairs, in any order; not empty.
        retrain: whether to train again as well, which takes as long as a training.
        query_id: a prediction to report even if it is right before and after.
    """
    pairs = tuple(sorted(set(pair_ids)))
    options = (*(["--retrain"] if retrain else []), *(["--query", query_id] if query_id else []))
    folder = _folder(run, "whatif", *options, *pairs)
    return WhatIfQuestion(folder, ("whatif", str(run.path), *options), folder / "answer.json", pairs)


def trace_question(run: RunFolder, query_id: str) -> TraceQuestion:
    """The question which training pairs are behind one prediction of a run."""
    folder = _folder(run, "trace", query_id)
    return TraceQuestion(folder, ("trace", str(run.path), "--query", query_id), folder / "answer.parquet")


def keep_set(runs_dir: Path, pair_ids: Iterable[str]) -> str:
    """Keep a set of pairs beside the runs; returns its name, which an address can hold.

    Raises:
        StorageError: if the folder of runs cannot be written.
    """
    pairs = sorted(set(pair_ids))
    name = _digest(*pairs)
    path = runs_dir / FOLDER / SETS / f"{name}.csv"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with finished_as(path) as part:
        write_pair_ids(part, pairs)
    return name


def kept_set(runs_dir: Path, name: str) -> list[str]:
    """The pairs of a kept set; empty if there is none of this name."""
    path = runs_dir / FOLDER / SETS / f"{name}.csv"
    if not SET_NAME.fullmatch(name) or not path.is_file():
        return []
    return read_pair_ids(path)


def _folder(run: RunFolder, *asked: str) -> Path:
    return run.path.parent / FOLDER / _digest(run.revision, *asked)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
