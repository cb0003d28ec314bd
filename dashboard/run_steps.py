"""Where a run stands, step by step, and how long it will still take. No Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.jobs import Job, estimate_of
from engine.estimates import SHORT_SECONDS, Range, duration, later_steps, seconds_left
from engine.runs import RunFolder, list_runs

SHORT_STEPS = ("batches", "queries")


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    title: str
    state: str
    """done, now or waiting"""
    seconds: float | None
    """that it took; None if it is not done"""


def steps_of(progress: dict[str, Any], record: dict[str, Any]) -> list[Step]:
    """The steps of a run in their order; empty for a run that does not tell them.

    Args:
        progress: `RunFolder.progress`.
        record: `RunFolder.record`.
    """
    done = record.get("steps", {})
    steps = []
    for name, title in progress.get("steps", {}).items():
        if name in done:
            steps.append(Step(title, "done", done[name]["seconds"]))
        else:
            is_now = name == progress.get("step_name") and progress.get("state") == "running"
            steps.append(Step(title, "now" if is_now else "waiting", None))
    return steps


def expected_seconds(run: RunFolder, job: Job | None, runs_dir: Path) -> dict[str, Range]:
    """Seconds by step: what was estimated before the start, else what earlier runs and this one so far tell.

    Args:
        run: a run that works.
        job: the job that started it; None for a run of a terminal.
        runs_dir: where earlier runs are.
    """
    estimate = estimate_of(job, runs_dir) if job else None
    if estimate is not None:
        return dict(estimate.steps)
    record = run.record
    num_train, cost = record.get("counts", {}).get("train"), record.get("cost", {})
    short = dict.fromkeys(SHORT_STEPS, (0.0, SHORT_SECONDS))
    if num_train is None or (run.config.tier != "heads" and "embedding_seconds" not in cost):
        return short
    others = [one for one in list_runs(runs_dir) if one.path != run.path]
    return {**short, **later_steps(run.config, num_train, cost.get("embedding_seconds", 0.0), others)[0]}


def left_in_words(run: RunFolder, expected: dict[str, Range]) -> str:
    """How long a run will still take, over all its steps."""
    done = {name: step["seconds"] for name, step in run.record.get("steps", {}).items()}
    left = seconds_left(expected, done, run.progress)
    if left is None:
        return "the time left is not known yet"
    return f"{duration(*left)} left" if left[1] >= 1 else "almost done"


def share_done(steps: list[Step], progress: dict[str, Any]) -> float:
    """How much of a run is done, 0 … 1: whole steps, and the part of the one at work."""
    if not steps:
        return 0.0
    part = progress.get("done", 0) / max(progress.get("total", 1), 1)
    done = sum(step.state == "done" for step in steps) + any(step.state == "now" for step in steps) * part
    return min(done / len(steps), 1.0)
