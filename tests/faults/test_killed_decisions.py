"""`kill -9` while decisions are stored and exports are written: what was acknowledged stays, no file is half."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from synthetic_run import synthetic_run

from engine.review import Decision, DecisionStore
from engine.review.exports import write_export
from engine.runs import RunFolder
from faults.killing import LONGEST_SECONDS, Moment, call, finished, server, start

NUM_KILLS = 20
KILLS_OF_A_FORMAT = 6
MOST_TRIES = 40
PAIRS_OF_AN_EXPORT = 6_000
WHEN = "2026-01-01T00:00:00.000+00:00"


def decide(place: str, who: str, told: Connection) -> None:
    """Decide, undo and decide again for ever; say what was stored after it was."""
    store = DecisionStore.open(place)
    for number in range(1_000_000):
        keys = [f"{who}-{number}-{one}" for one in range(1 + number % 3)]
        decisions = [Decision(f"pair-{number}", "drop", who, WHEN, key) for key in keys]
        assert store.append(decisions) == len(keys)
        told.send(keys)
        if number % 2:
            assert store.undo(f"pair-{number}", who, f"{who}-undo-{number}")
            told.send([f"{who}-undo-{number}"])


def test_no_decision_that_was_acknowledged_is_missing_after_a_kill(place: str | Path) -> None:
    chance, acknowledged = random.Random(7), []
    for number in itertools.count():
        if number >= NUM_KILLS // 2 and len(acknowledged) > 2 * NUM_KILLS:  # however slow the disk is
            break
        readers, processes = [], []
        for writer in range(2):
            reader, told = server().Pipe(duplex=False)
            processes.append(call(decide, str(place), f"{number}-{writer}", told))
            told.close()
            readers.append(reader)
        assert readers[number % 2].poll(LONGEST_SECONDS)
        time.sleep(chance.uniform(0, 0.1))
        for process in processes:
            process.kill()
            process.join(LONGEST_SECONDS)
            assert process.exitcode == -signal.SIGKILL
        acknowledged += [key for reader in readers for key in heard(reader)]
        rows = DecisionStore.open(place).history()["client_key"]
        stored = set(rows)
        assert set(acknowledged) <= stored and len(stored) == len(rows)
        for key in stored:  # decisions of one act are stored together or not at all
            who, step, _ = key.rsplit("-", 2)
            if step != "undo":
                assert all(f"{who}-{step}-{one}" in stored for one in range(1 + int(step) % 3))
    if not str(place).startswith("postgresql"):
        with sqlite3.connect(place) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def heard(reader: Connection) -> list[str]:
    """What a killed process said in whole messages."""
    keys = []
    try:
        while reader.poll(0):
            keys += reader.recv()
    except EOFError:
        pass
    return keys


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return synthetic_run(tmp_path_factory.mktemp("large"), PAIRS_OF_AN_EXPORT)


@pytest.mark.parametrize("format", ["jsonl", "parquet", "csv"])
def test_an_export_that_is_killed_leaves_the_old_file_or_the_new_one(
    large: RunFolder, tmp_path: Path, format: str
) -> None:
    place, out, chance = tmp_path / "decisions.sqlite", tmp_path / "out", random.Random(format)
    store = DecisionStore.open(place)
    write_export(large, store, format, out, "all")
    store.append([Decision(large.table("pairs")["pair_id"][0], "drop", "me", WHEN, "one")])
    arguments = ["export", str(large.path), "--format", format, "--which", "all", "--decisions", str(place), "--out"]
    process = start(*arguments, str(tmp_path / "new"), log=tmp_path / "log")
    wait_for(tmp_path / "new.part", process)
    began = time.monotonic()
    finished(process, tmp_path / "log")
    took = time.monotonic() - began
    said = tmp_path / "out.provenance.json"
    old, said_before, before, after = out.read_bytes(), said.read_text(), content(out), content(tmp_path / "new")
    assert before != after
    halves = 0
    for _ in range(MOST_TRIES):  # some are over too soon to be killed
        process = start(*arguments, str(out), log=tmp_path / "log")
        wait_for(tmp_path / "out.part", process)
        process.join(chance.uniform(0, took))
        halves += process.exitcode is None
        process.kill()
        process.join(LONGEST_SECONDS)
        check(out, said, before, after)
        out.write_bytes(old)
        said.write_text(said_before)
        if halves == KILLS_OF_A_FORMAT:
            break
    assert halves == KILLS_OF_A_FORMAT
    for moment in (Moment("os.rename", "out.part"), Moment("os.rename", "out.part", after=True)):
        process = start(*arguments, str(out), log=tmp_path / "log", dies_at=moment, watched=tmp_path)
        process.join(LONGEST_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        assert content(out) == (after if moment.after else before)
        check(out, said, before, after)
    finished(start(*arguments, str(out), log=tmp_path / "log"), tmp_path / "log")
    assert content(out) == after and json.loads(said.read_text())["decisions_revision"] == 1
    assert not list(tmp_path.glob("*.part*"))


def wait_for(path: Path, process) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    while not path.exists() and process.exitcode is None:
        assert time.monotonic() < until
        time.sleep(0.001)


def content(path: Path) -> object:
    """What an export says; a Parquet file keeps when it was written, too."""
    whole = path.read_bytes()
    return pq.read_table(path).to_pylist() if whole.startswith(b"PAR1") else whole


def check(out: Path, said: Path, before: object, after: object) -> None:
    """One file or the other, and a provenance that is its own or none."""
    found = content(out)
    assert found in (before, after)
    if said.exists():
        assert json.loads(said.read_text())["decisions_revision"] == int(found == after)


def test_two_exports_into_one_file_do_not_mix(large: RunFolder, tmp_path: Path) -> None:
    place, out, log = tmp_path / "decisions.sqlite", tmp_path / "out", tmp_path / "log"
    DecisionStore.open(place)
    arguments = ["export", str(large.path), "--format", "jsonl", "--which", "all", "--decisions", str(place), "--out"]
    first = start(*arguments, str(out), log=log)
    wait_for(tmp_path / "out.part", first)
    os.kill(first.pid, signal.SIGSTOP)
    second = start(*arguments, str(out), log=log)
    second.join(LONGEST_SECONDS)
    os.kill(first.pid, signal.SIGCONT)
    finished(first, log)
    assert second.exitcode == 1 and "Expected a file that nobody else is writing" in log.read_text()
    assert out.read_text().count("\n") == PAIRS_OF_AN_EXPORT + 600
