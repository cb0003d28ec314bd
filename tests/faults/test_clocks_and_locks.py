"""Clocks that jump, two runs into one folder, a locked database, a dashboard that is killed: the work goes on."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import sqlite3
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from small_data import small_config, small_table

from dashboard import jobs
from dashboard.questions import what_if_question
from engine.cli import main
from engine.errors import DecisionsError
from engine.processes import age_seconds, at_work, birth
from engine.review import Decision, DecisionStore, database
from engine.review.queues import QueueStore
from engine.runs import RunFolder, list_runs
from faults.killing import LONGEST_SECONDS, Moment, call, digests, finished, killed, server, start

DAY = 86_400
JUMPS = (0, DAY, -2 * DAY, 3_600, -30, 1_000 * DAY)
WHEN = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    small_table(folder, 24, 10, 8)
    (folder / "config.json").write_text(small_config(folder).to_json())
    finished(start("run", str(folder / "config.json"), log=folder / "log"), folder / "log")
    return list_runs(folder / "runs")[0]


def config_file(whole: RunFolder, folder: Path) -> Path:
    """The configuration of the same run into another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(dataclasses.replace(whole.config, out=str(folder / "runs")).to_json())
    return path


def run_while_the_clock_jumps(path: Path, told: Connection) -> None:
    """`ecif run` in a process whose clock is another day at every look."""
    real, jump = time.time, itertools.cycle(JUMPS)
    time.time = lambda: real() + next(jump)
    seen = []
    from engine import progress

    write = progress.write_json

    def look(place: Path, values: dict) -> None:
        seen.append(values)
        write(place, values)

    progress.write_json = look
    code = main(["run", str(path)])
    told.send((code, [(one["seconds_left"], one["updated_at"]) for one in seen]))


def test_a_clock_that_jumps_between_all_steps_changes_no_score_and_no_duration(whole, tmp_path: Path) -> None:
    reader, told = server().Pipe(duplex=False)
    process = call(run_while_the_clock_jumps, config_file(whole, tmp_path), told)
    assert reader.poll(LONGEST_SECONDS)
    code, seen = reader.recv()
    process.join(LONGEST_SECONDS)
    (run,) = list_runs(tmp_path / "runs")
    assert code == 0 and digests(run.path) == digests(whole.path)
    assert all(left is None or left >= 0 for left, _ in seen)
    clocks = [clock for _, clock in seen]
    assert clocks != sorted(clocks) and max(clocks) - min(clocks) > DAY  # it did jump
    assert all(0 <= step["seconds"] < LONGEST_SECONDS for step in run.record["steps"].values())


def test_a_step_that_was_finished_right_before_a_kill_and_a_jump_took_no_negative_time(whole, tmp_path: Path) -> None:
    path, log = config_file(whole, tmp_path), tmp_path / "log"
    moment = Moment("os.rename", "queries.parquet.part", after=True)
    assert killed(start("run", str(path), log=log, dies_at=moment, watched=tmp_path / "runs"), 60)
    (run,) = list_runs(tmp_path / "runs")
    assert run.has_table("queries") and "queries" not in run.record["steps"]
    os.utime(run.path / "queries.parquet", (1.0, 1.0))  # the clock was set back by decades in between
    finished(start("run", str(path), log=log), log)
    assert run.record["steps"]["queries"]["seconds"] == 0 and run.record["starts"][1]["step"] == "signals"


def test_a_process_is_the_same_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    born, age = birth(os.getpid()), age_seconds(os.getpid())
    for jump in JUMPS:
        monkeypatch.setattr("time.time", lambda jump=jump: 1e9 + jump)
        monkeypatch.setattr("psutil.boot_time", lambda jump=jump: 1e9 + jump)
        assert birth(os.getpid()) == born and at_work(os.getpid(), born).pid == os.getpid()
        assert 0 <= age_seconds(os.getpid()) - age < 60


def test_a_lease_from_before_the_clock_was_set_back_holds_no_pair_for_days(place, monkeypatch) -> None:
    store, at = QueueStore.open(place), [1e9]
    for module in ("queues", "queue_tables"):
        monkeypatch.setattr(f"engine.review.{module}.now", lambda connection: at[0])
    store.make("q", "ana")
    store.add("q", ["one"], "r", "ana")
    assert store.take("q", "ana", 1) == ["one"] and store.take("q", "ben", 1) == []
    at[0] -= 300 * DAY
    assert store.take("q", "ben", 1) == ["one"] and store.at_work("q")["minutes_left"].between(0, 31).all()


def test_of_two_runs_into_one_folder_one_computes_and_the_other_says_so(whole, tmp_path: Path) -> None:
    path = config_file(whole, tmp_path)
    logs = [tmp_path / f"log{number}" for number in range(2)]
    processes = [start("run", str(path), log=log) for log in logs]
    for process in processes:
        process.join(LONGEST_SECONDS)
    codes = [process.exitcode for process in processes]
    assert 0 in codes and set(codes) <= {0, 1}  # two zeros where the second began after the first was done
    for code, log in zip(codes, logs, strict=True):
        said = log.read_text()
        assert "Traceback" not in said and ("nobody else is computing" in said) == (code == 1)
    assert digests(list_runs(tmp_path / "runs")[0].path) == digests(whole.path)


@pytest.mark.parametrize("at", [0.0, 4e9])
def test_a_lock_file_that_a_killed_run_left_locks_nothing_however_old_it_is(whole, tmp_path: Path, at: float) -> None:
    path, log = config_file(whole, tmp_path), tmp_path / "log"
    moment = Moment("os.rename", "batches.parquet.part")
    assert killed(start("run", str(path), log=log, dies_at=moment, watched=tmp_path / "runs"), 60)
    (run,) = list_runs(tmp_path / "runs")
    os.utime(run.path / ".lock", (at, at))
    finished(start("run", str(path), log=log), log)
    assert run.is_finished


def test_a_lock_is_kept_however_old_its_file_is(whole, tmp_path: Path) -> None:
    path, log = config_file(whole, tmp_path), tmp_path / "log"
    first = start("run", str(path), log=log)
    wait_until(lambda: list((tmp_path / "runs").glob("*/pairs.parquet")))
    os.kill(first.pid, signal.SIGSTOP)
    (run,) = list_runs(tmp_path / "runs")
    os.utime(run.path / ".lock", (0.0, 0.0))
    second = start("run", str(path), log=tmp_path / "second")
    second.join(LONGEST_SECONDS)
    os.kill(first.pid, signal.SIGCONT)
    finished(first, log)
    assert second.exitcode == 1 and "nobody else is computing" in (tmp_path / "second").read_text()


def wait_until(condition, seconds: float = LONGEST_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def decision(key: str) -> Decision:
    return Decision("pair", "keep", "me", WHEN, key)


def test_a_decision_waits_for_another_writer_and_is_refused_in_a_sentence_if_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    place = tmp_path / "decisions.sqlite"
    store = DecisionStore.open(place)
    other = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DecisionsError) as refused:
        store.append([decision("too early")])
    said = str(refused.value)
    assert "locked" in said and "nothing of this was stored" in said and "\n" not in said
    assert store.current().empty  # reading needs no lock
    threading.Timer(0.3, lambda: other.execute("ROLLBACK")).start()
    assert store.append([decision("waits")]) == 1
    assert store.append([decision("too early")]) == 1  # the same one again, as the browser sends it
    other.close()


def serve_a_page(path: Path, run: Path, told: Connection) -> None:
    """What a page of a dashboard does when somebody starts a run and asks a question; then it idles."""
    from engine.config import RunConfig

    job = jobs.start(RunConfig.load(path))
    question = what_if_question(RunFolder.open(run), RunFolder(run).table("scores")["pair_id"].head(2))
    question.start()
    told.send((job.job_id, question.folder))
    time.sleep(LONGEST_SECONDS)


def test_a_run_and_a_question_outlive_the_dashboard_and_are_found_by_the_next_one(whole, tmp_path: Path) -> None:
    path, runs_dir = config_file(whole, tmp_path), tmp_path / "runs"
    reader, told = server().Pipe(duplex=False)
    dashboard = call(serve_a_page, path, whole.path, told)
    assert reader.poll(LONGEST_SECONDS)
    job_id, folder = reader.recv()
    dashboard.kill()
    dashboard.join(LONGEST_SECONDS)
    assert dashboard.exitcode == -signal.SIGKILL
    (job,) = jobs.jobs(runs_dir)  # here begins the next dashboard
    asked = what_if_question(whole, whole.table("scores")["pair_id"].head(2))
    assert job.job_id == job_id and job.is_alive and asked.folder == folder
    assert asked.is_alive and 0 <= asked.seconds < LONGEST_SECONDS
    wait_until(lambda: jobs.run_of(job, runs_dir) is not None)
    run = jobs.run_of(job, runs_dir)
    assert jobs.state_of(run)[0] in ("running", "finished") and jobs.job_of(run, [job]) == job
    wait_until(lambda: not job.is_alive and not asked.is_alive)
    assert jobs.state_of(run)[0] == "finished" and digests(run.path) == digests(whole.path)
    assert asked.is_answered and asked.outcome["num_pairs"] == 2
    assert json.loads((run.path / "progress.json").read_text())["state"] == "finished"
