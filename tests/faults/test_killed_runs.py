"""`kill -9` at any moment of `ecif run`: what was finished stays, the rest is done again, the scores are the same."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from pathlib import Path

import pytest
from small_data import small_config, small_table

from engine.runs import RunFolder, list_runs
from faults.killing import Moment, changes_of, digests, finished, start
from faults.wreck import STEPS, Wreck

NUM_KILLS = 52
KILLS_OF_A_CHAIN = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, float, Path]:
    """The undisturbed run, its seconds, and the log beside which its changes stand; the same twice."""
    folder = tmp_path_factory.mktemp("whole")
    small_table(folder, 48, 12, 12)
    first, _, _ = undisturbed(folder, "cold")
    run, seconds, log = undisturbed(folder, "warm")
    assert digests(first.path) == digests(run.path)
    return run, seconds, log


@pytest.fixture(scope="module")
def cross_fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, float, Path]:
    """A run of as many pairs as cross-fitting needs: its step keeps files of its own."""
    folder = tmp_path_factory.mktemp("cross_fitted")
    small_table(folder, 104, 16, 16)
    return undisturbed(folder, "runs")


def undisturbed(folder: Path, name: str) -> tuple[RunFolder, float, Path]:
    """A run that nobody disturbs, its seconds, and its log."""
    runs_dir, log, began = folder / name, folder / f"{name}.log", time.monotonic()
    runs_dir.mkdir()
    (folder / "config").write_text(small_config(folder, out=str(runs_dir)).to_json())
    finished(start("run", str(folder / "config"), log=log, watched=runs_dir), log)
    return list_runs(runs_dir)[0], time.monotonic() - began, log


def wreck(whole: RunFolder, folder: Path) -> Wreck:
    return Wreck(dataclasses.replace(whole.config, out=str(folder)), whole)


def test_killed_at_many_random_moments_a_run_resumes_with_the_same_scores(whole, tmp_path: Path) -> None:
    run, seconds, _ = whole
    chance, kills = random.Random(6), []
    for number in itertools.count():
        one = wreck(run, tmp_path / str(number))
        while one.kill(chance.uniform(0, 0.7 * seconds)) and len(one.kills) < KILLS_OF_A_CHAIN:
            continue
        one.finish()
        kills += one.kills
        if len(kills) >= NUM_KILLS:
            break
        if not one.kills:  # the machine has become faster
            seconds *= 0.7
    print(f"{len(kills)} kills", {step: kills.count(step) for step in (*STEPS, "end")})
    assert len(set(kills)) >= 3  # early and late, however busy the machine is


def test_killed_before_and_after_every_file_gets_its_name_a_run_resumes_with_the_same_scores(
    cross_fitted, tmp_path: Path
) -> None:
    run, _, log = cross_fitted
    renamed = dict.fromkeys(name for event, name in changes_of(log) if event == "os.rename")
    assert {"00000.pack.part", "00000.seen.part"} < set(renamed)
    moments = [Moment("os.rename", name, after) for name in renamed for after in (False, True)]
    moments += [Moment("os.mkdir", "thumbnails", after=True), Moment("open", "text.npy")]  # half of a folder
    moments.sort(key=lambda moment: first_change(changes_of(log), moment))
    one = wreck(run, tmp_path / "one")
    for moment in moments:
        one.kill(dies_at=moment)
    print(f"{len(one.kills)} aimed kills", {step: one.kills.count(step) for step in (*STEPS, "end")})
    assert set(one.kills) >= set(STEPS) and len(one.kills) >= 20
    one.finish()
    starts = one.folder.record["starts"]
    begun = [*STEPS, None].index
    steps = [start["step"] and next(step for step in STEPS if step.startswith(start["step"])) for start in starts]
    assert steps == sorted(steps, key=begun) and len(set(steps)) >= len(STEPS)


def first_change(changes: list[tuple[str, str]], moment: Moment) -> int:
    return changes.index((moment.event, moment.name)) + moment.after
