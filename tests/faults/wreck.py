"""A run that is killed and started again until it is finished, compared with the same run undisturbed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd

from engine.config import RunConfig
from engine.runs import TABLES, RunFolder
from faults.killing import Moment, digests, finished, killed, never_twice, start

STEPS = (
    "pairs.parquet",
    "batches.parquet",
    "features",
    "queries.parquet",
    "signals.parquet",
    "scores.parquet",
    "ranked.parquet",
    "traces.parquet",
    "neighbours.parquet",
    "map.parquet",
)


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
        assert not [path for kind in ("*.part", "*.seen") for path in self.folder.path.rglob(kind)]
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
