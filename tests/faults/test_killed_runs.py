"""`kill -9` at any moment of `ecif run`: what was finished stays, the rest is done again, the scores are the same."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from pathlib import Path

import pandas as pd
import pytest
from small_data import small_config, small_table

from engine.config import RunConfig
from engine.runs import TABLES, RunFolder, list_runs
from faults.killing import Moment, changes_of, digests, finished, killed, never_twice, start

STEPS = (
    "pairs.parquet",
    "batches.parquet",
    "features",
    "queries.parquet",
    "signals.parquet",
    "scores.parquet",
    "traces.parquet",
    "neighbours.parquet",
    "map.parquet",
)
NUM_KILLS = 52


@dataclasses.dataclass
class Wreck:
    """A run that is killed and started again until it is finished.

    Args:
        config: the run.
        whole: the same run undisturbed.
    """

    config: RunConfig
    whole: RunFolder
    kills: list[str] = dataclasses.field(default_factory=list)
    """the first unfinished step at each kill"""

    def __post_init__(self) -> None:
        self.runs_dir = Path(self.config.out)
        self.runs_dir.mkdir(parents=True)
        (self.runs_dir / "config").write_text(self.config.to_json())
        self.folder = RunFolder(self.runs_dir / self.whole.run_id)
        self.expected = digests(self.whole.path)

    def start(self, dies_at: Moment | None = None):
        return start(
            "run", str(self.runs_dir / "config"), log=self.runs_dir / "log", dies_at=dies_at,
            watched=self.folder.path if dies_at else None,
        )  # fmt: skip

    def kill(self, seconds: float = 60.0, dies_at: Moment | None = None) -> bool:
        """Start it and kill it; False if it was finished before. What had its name before is left alone."""
        with never_twice(self.folder.path, STEPS):
            was_killed = killed(self.start(dies_at), seconds)
        if was_killed:
            self.kills.append(next((step for step in STEPS if not self.folder.has(step)), "end"))
        self.check()
        return was_killed

    def finish(self) -> None:
        """Let it finish; everything is as in the undisturbed run."""
        with never_twice(self.folder.path, STEPS):
            finished(self.start(), self.runs_dir / "log")
        self.check()
        assert self.folder.is_finished
        assert digests(self.folder.path) == self.expected
        assert not list(self.folder.path.rglob("*.part"))
        assert self.folder.config == dataclasses.replace(self.whole.config, out=self.config.out)
        assert lasting(self.folder.record) == lasting(self.whole.record)
        for name in TABLES:
            pd.testing.assert_frame_equal(self.folder.table(name), self.whole.table(name), check_exact=True)

    def check(self) -> None:
        """Every file that has its name is whole: byte for byte that of the undisturbed run."""
        found = digests(self.folder.path)
        assert {name: self.expected.get(name) for name in found} == found
        for name in ("record.json", "config.json", "progress.json"):
            if self.folder.has(name):
                json.loads((self.folder.path / name).read_text())


def lasting(record: dict) -> dict:
    """A record without what a clock or the memory of a process says; the names of the steps stay."""
    left = {name: value for name, value in record.items() if name not in ("created_at", "finished_at", "starts")}
    return {**left, "steps": sorted(record["steps"]), "cost": sorted(record["cost"])}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, float, Path]:
    """The undisturbed run, its seconds, and the log beside which its changes stand."""
    folder = tmp_path_factory.mktemp("whole")
    small_table(folder, 48, 12, 12)
    config = small_config(folder)
    (folder / "config").write_text(config.to_json())
    (folder / "runs").mkdir()
    seconds = []
    for log in (folder / "first", folder / "log"):  # the first one warms up
        began = time.monotonic()
        finished(start("run", str(folder / "config"), log=log, watched=folder / "runs"), log)
        seconds.append(time.monotonic() - began)
        (run,) = list_runs(folder / "runs")
        if log.name == "first":
            (folder / "cold").mkdir()
            run.path.rename(folder / "cold" / run.run_id)
    assert digests(folder / "cold" / run.run_id) == digests(run.path)
    return run, seconds[-1], folder / "log"


def wreck(whole: RunFolder, folder: Path) -> Wreck:
    return Wreck(dataclasses.replace(whole.config, out=str(folder)), whole)


def test_killed_at_many_random_moments_a_run_resumes_with_the_same_scores(whole, tmp_path: Path) -> None:
    run, seconds, _ = whole
    chance, kills = random.Random(6), []
    while len(kills) < NUM_KILLS:
        one = wreck(run, tmp_path / str(len(kills)))
        while one.kill(chance.uniform(0, 0.7 * seconds)) and len(one.kills) < 12:
            continue
        one.finish()
        kills += one.kills
    print(f"{len(kills)} kills", {step: kills.count(step) for step in (*STEPS, "end")})
    assert len(set(kills)) >= 5  # early and late


def test_killed_before_and_after_every_file_gets_its_name_a_run_resumes_with_the_same_scores(whole, tmp_path) -> None:
    run, _, log = whole
    renamed = dict.fromkeys(name for event, name in changes_of(log) if event == "os.rename")
    named = [
        name for name in renamed if ".webp." not in name
    ]  # a thumbnail's unfinished file has another name each time
    moments = [Moment("os.rename", name, after) for name in named for after in (False, True)]
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
