"""Runs started from the page: a process of their own that outlives the page, with progress and a way to stop it.

A job is a small file beside the runs, `.jobs/ID.json`; what the process prints goes to `.jobs/ID.log`.
No Streamlit here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from dashboard.processes import at_work, born_at, end, engine_command, environment
from engine.config import RunConfig
from engine.estimates import Estimate, from_json, to_json
from engine.pairs.sources import title_of
from engine.runs import RunFolder, list_runs, storage_errors, write_json

FOLDER = ".jobs"
STOP_SECONDS = 5
ESTIMATE = ".estimate.json"
LAST_LINES = 6
LOG_CHARACTERS = 20_000
BAR = re.compile(r"\d+/\d+ .*left ")


@dataclass(frozen=True)
class Job:
    """A run that was started from the page."""

    job_id: str
    name: str
    """what the person called it"""
    pid: int
    process_started: float
    """tells this process from a later one with the same pid"""
    started_at: float
    """unix seconds"""

    @property
    def is_alive(self) -> bool:
        """Whether the process still works."""
        return at_work(self.pid, self.process_started) is not None


def start(config: RunConfig, estimate: Estimate | None = None) -> Job:
    """Start `ecif run` on `config` in the background.

    Args:
        config: the run.
        estimate: what it was said to take, kept for whoever watches.

    Raises:
        StorageError: if the folder of runs cannot be written.
    """
    folder = Path(config.out) / FOLDER
    job_id = uuid.uuid4().hex[:12]
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        config_path = folder / f"{job_id}.config.json"
        config_path.write_text(config.to_json(), encoding="utf-8")
        if estimate is not None:
            write_json(folder / f"{job_id}{ESTIMATE}", to_json(estimate))
        log = (folder / f"{job_id}.log").open("wb")
    with log:
        process = subprocess.Popen(
            engine_command("run", str(config_path)),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
    name = config.name or title_of(config.pairs)
    job = Job(job_id, name, process.pid, born_at(process.pid), time.time())
    write_json(folder / f"{job_id}.json", asdict(job))
    return job


def jobs(runs_dir: Path) -> list[Job]:
    """All jobs, newest first; files that are not jobs are passed over."""
    found = []
    for path in (runs_dir / FOLDER).glob("*.json"):
        if path.name.endswith((".config.json", ESTIMATE)):
            continue
        try:
            found.append(Job(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue
    return sorted(found, key=lambda job: -job.started_at)


def stop(job: Job) -> None:
    """Ask the process to stop as Ctrl+C would; finished steps stay, so that the same run resumes."""
    end(at_work(job.pid, job.process_started), STOP_SECONDS, signal.SIGINT)


def run_of(job: Job, runs_dir: Path) -> RunFolder | None:
    """The run folder a job works on; None before it has made one."""
    return next((run for run in list_runs(runs_dir) if run.progress.get("pid") == job.pid), None)


def job_of(run: RunFolder, known: list[Job]) -> Job | None:
    """The job that worked on a run last; None if it was started in a terminal."""
    pid = run.progress.get("pid")
    return next((job for job in known if job.pid == pid), None)


def printed_run(job: Job, runs_dir: Path) -> RunFolder | None:
    """The run folder that a job printed when it was done, as `ecif run` does; None if it did not get that far."""
    last = last_words(job, runs_dir, num_lines=1)
    return next((run for run in list_runs(runs_dir) if last.endswith(f"{os.sep}{run.run_id}")), None)


def estimate_of(job: Job, runs_dir: Path) -> Estimate | None:
    """What a job was said to take; None if nobody asked."""
    try:
        return from_json(json.loads((runs_dir / FOLDER / f"{job.job_id}{ESTIMATE}").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def last_words(job: Job, runs_dir: Path, num_lines: int = LAST_LINES) -> str:
    """The last lines the process printed, without its progress bars."""
    try:
        text = (runs_dir / FOLDER / f"{job.job_id}.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = text[-LOG_CHARACTERS:].splitlines()
    return "\n".join([line for line in lines if line.strip() and not BAR.search(line)][-num_lines:])


def state_of(run: RunFolder) -> tuple[str, dict[str, Any]]:
    """finished, running, stopped or failed; and the progress behind it."""
    progress = run.progress
    if run.is_finished:
        return "finished", progress
    state = progress.get("state")
    if state == "running" and _still_writes(progress):
        return "running", progress
    return ("failed" if state == "failed" else "stopped"), progress


def _still_writes(progress: dict[str, Any]) -> bool:
    """Whether the process that wrote this progress lives; a later one with its number was born after the writing."""
    try:
        process = psutil.Process(progress["pid"])
        is_dead = process.status() == psutil.STATUS_ZOMBIE  # killed, and not waited for yet
        return not is_dead and process.create_time() <= progress["updated_at"]
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
