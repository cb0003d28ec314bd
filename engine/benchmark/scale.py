"""A whole run on given features of many pairs, in a fresh process under a memory limit: what each step takes.

The watched process is asked a few times a second: processor time tells what a step costs however busy the machine is,
and memory counts without pages of mapped files, which the system may drop. A size that is measured is kept in
`FOLDER/scale-N.json`; a run that was broken off is resumed, and what it took before is not counted again.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import psutil

from engine.benchmark.synthetic import planted, write_synthetic
from engine.errors import EcifError, OutOfMemory
from engine.runs import RunFolder, list_runs, write_json

MEMORY_BYTES = 8 * 2**30
SAMPLED_EVERY_SECONDS = 0.2
LINES_OF_ERROR = 3
LACKING = ("memory", "MemoryError", "new thread")
"""words of a process that got none"""


@dataclass(frozen=True)
class StepCost:
    """What one step of a run took."""

    seconds: float
    """on the clock"""
    processor_seconds: float
    """of all its threads"""
    peak_bytes: int
    """most memory beside mapped files"""


@dataclass(frozen=True)
class Scale:
    """What a run of one size took."""

    num_pairs: int
    width: int
    steps: dict[str, StepCost]
    """in order; those that a broken-off run had finished before are absent"""
    suspicion_auroc: float
    """of the planted wrong pairs among the training pairs"""
    data_bytes: int
    """of the features given"""

    @property
    def processor_seconds(self) -> float:
        """Of all steps."""
        return sum(step.processor_seconds for step in self.steps.values())

    @property
    def peak_bytes(self) -> int:
        """Of all steps."""
        return max(step.peak_bytes for step in self.steps.values())


def measure_scale(
    sizes: Sequence[int],
    folder: Path,
    report: Callable[[str], None],
    width: int = 128,
    options: Sequence[str] = (),
    memory_bytes: int = MEMORY_BYTES,
) -> list[Scale]:
    """Make, run and measure folders of given features.

    Args:
        sizes: numbers of pairs.
        folder: for features, runs and results; what is there already is not made again.
        report: called with a sentence before each thing that takes long.
        width: dimensions of the features of both sides.
        options: further options of `ecif run`; results of other options need a folder of their own.
        memory_bytes: private memory that the process may take (enforced on Linux).

    Raises:
        OutOfMemory: if a run ends because it needs more.
        EcifError: if it ends for another reason.
    """
    return [_measured(size, folder, report, width, options, memory_bytes) for size in sizes]


def _measured(
    num_pairs: int,
    folder: Path,
    report: Callable[[str], None],
    width: int,
    options: Sequence[str],
    memory_bytes: int,
) -> Scale:
    kept = folder / f"scale-{num_pairs}.json"
    if kept.exists():
        return _read(kept)
    data, runs = folder / f"pairs-{num_pairs}", folder / f"runs-{num_pairs}"
    report(f"making {num_pairs:,} pairs")
    write_synthetic(data, num_pairs, width)
    report(f"running {num_pairs:,} pairs")
    command = [sys.executable, "-m", "engine", "run", "--pairs", str(data), "--model", f"embeddings:{data}"]
    steps = _watched([*command, "--out", str(runs), "--name", "scale", *options], runs, memory_bytes)
    run = list_runs(runs)[0]
    found = Scale(num_pairs, width, steps, _auroc(run, data), sum(one.stat().st_size for one in data.rglob("*.npy")))
    write_json(kept, asdict(found))
    return found


def _read(path: Path) -> Scale:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Scale(**{**told, "steps": {name: StepCost(**cost) for name, cost in told["steps"].items()}})


def _auroc(run: RunFolder, data: Path) -> float:
    from sklearn.metrics import roc_auc_score

    scores = run.table("scores", columns=["pair_id", "suspicion"])
    return float(roc_auc_score(planted(data)[scores["pair_id"]], scores["suspicion"]))


def _watched(command: list[str], runs: Path, memory_bytes: int) -> dict[str, StepCost]:
    """Run a command that computes a run, and what each of its steps took."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({memory_bytes},) * 2)"
    start = f"{limit if sys.platform == 'linux' else ''}\nimport os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", start, *command], stdout=subprocess.DEVNULL, stderr=said, env=known
        )
        watch = _Watch(process.pid, runs)
        while process.poll() is None:
            watch.look()
            time.sleep(SAMPLED_EVERY_SECONDS)
        watch.share_out()  # what was finished between the last look and the end
        if process.returncode:
            said.seek(0)
            words = "".join(said.readlines()[-LINES_OF_ERROR:]).strip()
            if any(sign in words for sign in LACKING):
                raise OutOfMemory(
                    f"a run within {memory_bytes / 2**30:.3g} GiB of memory", words, "See what its last step holds."
                )
            raise EcifError(
                "a finished run", words or f"exit code {process.returncode}", "Run the same command again: it resumes."
            )
    return watch.steps


class _Watch:
    """Processor time and memory of a process, by the step of its run."""

    def __init__(self, pid: int, runs: Path) -> None:
        self.process, self.runs, self.before = psutil.Process(pid), runs, _steps(runs)
        self.steps: dict[str, StepCost] = {}
        self.spent, self.peak, self.spent_before, self.started = 0.0, 0, 0.0, time.monotonic()

    def look(self) -> None:
        """Ask once."""
        with contextlib.suppress(psutil.Error):
            times, memory = self.process.cpu_times(), self.process.memory_info()
            self.spent = times.user + times.system
            self.peak = max(self.peak, memory.rss - getattr(memory, "shared", 0))
        self.share_out()

    def share_out(self) -> None:
        """Give what was spent since the last finished step to those that are finished now."""
        for name in _steps(self.runs):
            if name not in self.before and name not in self.steps:
                now = time.monotonic()
                self.steps[name] = StepCost(now - self.started, self.spent - self.spent_before, self.peak)
                self.spent_before, self.started, self.peak = self.spent, now, 0


def _steps(runs: Path) -> list[str]:
    """Steps that the run in a folder has finished."""
    with contextlib.suppress(EcifError, IndexError):
        return list(list_runs(runs)[0].record.get("steps", {}))
    return []


def as_table(found: Sequence[Scale]) -> pd.DataFrame:
    """One row per step and one for all, by size: processor milliseconds per pair, and peak memory in MiB."""
    columns = {}
    for one in found:
        costs = {**one.steps, "all": StepCost(0.0, one.processor_seconds, one.peak_bytes)}
        milliseconds = {name: 1e3 * cost.processor_seconds / one.num_pairs for name, cost in costs.items()}
        columns[f"{one.num_pairs:,} pairs: ms per pair"] = milliseconds
        columns[f"{one.num_pairs:,} pairs: MiB"] = {name: cost.peak_bytes / 2**20 for name, cost in costs.items()}
    return pd.DataFrame(columns)
