"""Where a run stands: shown by rich on a terminal and written to progress.json for the dashboard. No torch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from engine.processes import birth
from engine.runs import write_json

WRITE_EVERY_SECONDS = 0.5


class RunProgress:
    """Reports the steps of a run.

    Args:
        path: progress.json.
        num_steps: how many steps the run has.
        console: terminal to draw on; None draws nothing.
        titles: the steps in their order, name → plain words, for whoever watches; none are told where it is left out.
    """

    def __init__(
        self, path: Path, num_steps: int, console: Console | None = None, titles: Mapping[str, str] | None = None
    ) -> None:
        self._path, self._num_steps, self._console = path, num_steps, console
        self._bar = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=console is None,
        )
        self._state: dict[str, Any] = {
            "state": "running",
            "step": "starting",
            "step_index": 0,
            "done": 0,
            "total": 1,
            "steps": dict(titles or {}),
        }
        self._written_at = 0.0
        self._pid = os.getpid()
        self._born = birth(self._pid)

    @contextlib.contextmanager
    def running(self) -> Iterator[RunProgress]:
        """Draw and write while the block runs; write how it ended."""
        with self._bar:
            try:
                self._write(seconds_left=None)
                yield self
                self._write(state="finished", step="finished", done=1, total=1, seconds_left=0.0)
            except KeyboardInterrupt:
                self._write(state="cancelled", message="Stopped. Run the same command again to resume.")
                raise
            except Exception as error:
                with contextlib.suppress(Exception):  # a full disk must not hide the first error
                    self._write(state="failed", message=str(error))
                raise

    @contextlib.contextmanager
    def step(self, index: int, name: str, total: int) -> Iterator[Callable[[int, int], None]]:
        """One step; yields `report(done, total)`.

        Args:
            index: position of the step, 0-based.
            name: the step in plain words.
            total: expected units of work.
        """
        task = self._bar.add_task(name, total=total)
        started = time.monotonic()
        short = next((one for one, title in self._state["steps"].items() if title == name), None)
        self._write(step=name, step_name=short, step_started_at=time.time(), step_index=index, done=0, total=total,
                    seconds_left=None)  # fmt: skip

        def report(done: int, of: int) -> None:
            self._bar.update(task, completed=done, total=of)
            now = time.monotonic()
            if now - self._written_at >= WRITE_EVERY_SECONDS:
                left = (now - started) / done * (of - done) if done else None
                self._write(done=done, total=of, seconds_left=left)

        yield report
        self._bar.update(task, completed=self._bar.tasks[task].total or total)

    def say(self, sentence: str) -> None:
        """Tell whoever watches the terminal, or reads the log, above the bars."""
        (self._console or Console(stderr=True)).print(sentence, markup=False, highlight=False)

    def _write(self, **values: Any) -> None:
        self._state.update(values)
        self._written_at = time.monotonic()
        write_json(
            self._path,
            {
                "num_steps": self._num_steps,
                "pid": self._pid,
                "born": self._born,
                "updated_at": time.time(),
                "message": None,
                **self._state,
            },
        )
