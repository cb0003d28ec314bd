"""Runs started from the page: real processes, watched and stopped."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dashboard import jobs
from engine.config import RunConfig
from engine.processes import birth
from engine.runs import RunFolder, write_json
from engine.sample import demo_config


def wait_until(condition, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


@pytest.mark.timeout(600)
def test_a_run_started_from_the_page_can_be_cancelled_and_resumes(tmp_path: Path) -> None:
    config = demo_config(str(tmp_path))
    job = jobs.start(config)
    assert jobs.jobs(tmp_path) == [job] and job.is_alive
    wait_until(lambda: (run := jobs.run_of(job, tmp_path)) is not None and run.has_table("pairs"))
    run = jobs.run_of(job, tmp_path)
    assert jobs.state_of(run)[0] == "running"
    jobs.stop(job)
    wait_until(lambda: not job.is_alive, 60)
    assert jobs.state_of(run)[0] == "stopped"
    assert not run.is_finished
    pairs_written = (run.path / "pairs.parquet").stat().st_mtime_ns
    again = jobs.start(config)
    wait_until(lambda: not again.is_alive, 240)
    assert RunFolder.open(run.path).is_finished
    assert (run.path / "pairs.parquet").stat().st_mtime_ns == pairs_written


def test_a_run_that_cannot_work_leaves_its_reason(tmp_path: Path) -> None:
    job = jobs.start(RunConfig(pairs=str(tmp_path / "absent.csv"), model=str(tmp_path), out=str(tmp_path)))
    wait_until(lambda: not job.is_alive)
    assert jobs.last_words(job, tmp_path).startswith("ecif run: Expected a model folder")


@pytest.mark.parametrize(
    ("born", "state"),
    [(birth(os.getpid()), "running"), ("earlier", "stopped"), (None, "stopped")],
    ids=["same", "earlier", "unknown"],
)
def test_a_later_process_does_not_keep_a_killed_run_alive(tmp_path: Path, born: str | None, state: str) -> None:
    """A run that was killed leaves its pid behind; whoever has that number now was born at another time."""
    said = {"state": "running", "pid": os.getpid(), "born": born, "updated_at": time.time()}
    write_json(tmp_path / "progress.json", said)
    assert jobs.state_of(RunFolder(tmp_path))[0] == state


def test_progress_bars_are_left_out_of_the_last_words(tmp_path: Path) -> None:
    job = jobs.Job("a" * 12, "x", 1, "", 0.0)
    (tmp_path / jobs.FOLDER).mkdir()
    bar = "Reading pairs  ━━━━━━ 1799/1799 0:00:02 left 0:00:00"
    (tmp_path / jobs.FOLDER / f"{job.job_id}.log").write_text(f"{bar}\n\nStopped. 3/4 were done.\n")
    assert jobs.last_words(job, tmp_path) == "Stopped. 3/4 were done."


def test_a_later_process_with_the_same_number_is_not_taken_for_the_job(tmp_path: Path) -> None:
    job = jobs.start(RunConfig(pairs="absent.csv", model="absent", out=str(tmp_path)))
    stranger = dataclasses.replace(job, pid=1)
    assert not stranger.is_alive
    jobs.stop(stranger)  # must not touch process 1
    wait_until(lambda: not job.is_alive)


def test_files_that_are_no_jobs_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / jobs.FOLDER).mkdir()
    (tmp_path / jobs.FOLDER / "x.json").write_text("{broken")
    (tmp_path / jobs.FOLDER / "y.json").write_text('{"a": 1}')
    assert jobs.jobs(tmp_path) == []


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_no_jobs_are_found_where_there_are_none(tmp_path: Path, folder: str) -> None:
    assert jobs.jobs(tmp_path / folder) == []


def test_a_run_whose_killed_process_nobody_has_waited_for_is_stopped(tmp_path: Path) -> None:
    """A dashboard's killed child keeps its number until the dashboard asks for its exit."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    said = {"state": "running", "pid": child.pid, "born": birth(child.pid)}
    write_json(tmp_path / "progress.json", said)
    assert jobs.state_of(RunFolder(tmp_path))[0] == "running"
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert jobs.state_of(RunFolder(tmp_path))[0] == "stopped"
    child.wait()
