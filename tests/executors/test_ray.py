"""A real Ray cluster of two workers on this machine: the same results as in one process, whoever is killed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from engine import pipeline, shard_encoding
from engine.config import RunConfig
from engine.errors import ClusterError, PairsError
from engine.executors import LocalPasses
from engine.pipeline import run
from engine.runs import TABLES, RunFolder
from executors.works import Counted, Dies, Folder, Refuses, Weighed

ray_cluster = pytest.importorskip("engine.executors.ray_cluster", reason="the optional package ray is not installed")
RayExecutor, PARTS_AHEAD = ray_cluster.RayExecutor, ray_cluster.PARTS_AHEAD
pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
WORK = Weighed(torch.ones(50, dtype=torch.float64))


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    """Two workers, which live as long as the tests of this file."""
    found = RayExecutor(None, 2, "cpu")
    yield found
    found.close()


def test_a_sum_is_the_same_to_the_last_bit_with_no_worker_two_or_one(executor: RayExecutor, tmp_path: Path) -> None:
    passes = executor.passes(Folder(tmp_path), CPU)
    here, two = LocalPasses(tmp_path).summed(WORK, range(150)), passes.summed(WORK, range(150))
    share = executor._share
    assert len(list(tmp_path.glob("opened-*"))) == 2 == share.num_workers
    executor._share = dataclasses.replace(share, num_workers=1)
    one_less = executor._idle.pop()
    one = passes.summed(WORK, range(150))
    executor._share = share
    executor._idle.append(one_less)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(here, two, one, strict=True))
    assert len(list(tmp_path.glob("opened-*"))) == 2, "each worker opens a subject once"
    backwards = LocalPasses(tmp_path).summed(WORK, range(149, -1, -1))
    assert not torch.equal(here[0], backwards[0]), "the order would not matter"


def test_only_a_few_parts_are_handed_out_ahead_of_the_one_that_is_waited_for(
    executor: RayExecutor, tmp_path: Path
) -> None:
    found = executor.passes(Folder(tmp_path), CPU).mapped(Counted(), range(60))
    first = next(found)
    time.sleep(1)
    assert 1 <= len(list(tmp_path.glob("began-*"))) <= 2 * PARTS_AHEAD + 1
    rest = list(found)
    assert [number for number, _ in (first, *rest)] == list(range(60))
    assert len({process for _, process in (first, *rest)}) == 2


def test_an_error_of_the_work_comes_through_as_itself_and_is_not_tried_again(
    executor: RayExecutor, tmp_path: Path
) -> None:
    passes = executor.passes(Folder(tmp_path), CPU)
    with pytest.raises(PairsError, match=r"Expected a, got b\. Check it\."):
        list(passes.mapped(Refuses(3, "ours"), range(9)))
    assert (tmp_path / "tried").read_bytes() == b"."
    with pytest.raises(MemoryError, match="no room"):
        list(passes.mapped(Refuses(3, "memory"), range(9)))


def test_the_part_of_a_lost_worker_is_repeated_and_not_for_ever(
    executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = executor.passes(Folder(tmp_path), CPU)
    assert list(passes.mapped(Dies(at=5, times=1), range(12))) == list(range(12))
    assert (tmp_path / "deaths-5").read_bytes() == b"."
    monkeypatch.setattr(ray_cluster, "MOST_REPEATS", 1)
    with pytest.raises(ClusterError, match="lost its worker 2 times"):
        list(passes.mapped(Dies(at=6, times=99), range(12)))
    assert (tmp_path / "deaths-6").read_bytes() == b".."


def test_what_listens_is_not_reachable_from_elsewhere(executor: RayExecutor, tmp_path: Path) -> None:
    executor.passes(Folder(tmp_path), CPU).summed(WORK, range(2))
    ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        one.laddr.ip.removeprefix("::ffff:")
        for process in ours
        if process == ours[0] or "ray" in "".join(process.cmdline())
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) == 64


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run on given features, computed in this process."""
    folder, generator = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    latent = generator.normal(size=(90, 6))
    for name in ("img_emb", "text_emb"):
        (folder / "features" / name).mkdir(parents=True)
        features = latent @ generator.normal(size=(6, 8)) + 0.3 * generator.normal(size=(90, 8))
        np.save(folder / "features" / name / f"{name}_0.npy", features)
    (folder / "features" / "metadata").mkdir()
    splits = ["train"] * 62 + ["validation"] * 14 + ["test"] * 14
    rows = pd.DataFrame({"caption": [f"caption {n}" for n in range(90)], "url": "https://a.example/x", "split": splits})
    rows.to_parquet(folder / "features" / "metadata" / "metadata_0.parquet")
    given = str(folder / "features")
    config = RunConfig(
        pairs=given, model=given, batch_size=7, segmentations=2, sketches=4, dtype="float64", damping=0.01,
        out=str(folder / "runs"), detection_seeds=1, cleaning_rounds=1,
    )  # fmt: skip
    return run(config)


def on_cluster(one: RunFolder, out: Path, executor: RayExecutor, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The same run on workers that are there."""
    monkeypatch.setattr(pipeline, "executor_of", lambda config: contextlib.nullcontext(executor))
    return run(dataclasses.replace(one.config, out=str(out)))


def assert_same(found: RunFolder, expected: RunFolder) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(found.table(name), expected.table(name), rtol=0, atol=1e-6)
    for name in ("image.npy", "text.npy", "shards.jsonl"):
        assert (found.path / "features" / name).read_bytes() == (expected.path / "features" / name).read_bytes()
    assert expected.table("scores")["influence"].abs().max() > 1e-4, "differences would not be seen"
    assert not list(found.path.rglob("*.part"))


def test_a_run_whose_worker_is_killed_in_the_middle_gives_the_same_tables(
    executor: RayExecutor, local: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, killed, results = [], [], RayExecutor.results

    def results_with_a_kill(self, subject, work, parts):
        passes.append(work)
        for number, found in enumerate(results(self, subject, work, parts)):
            if len(passes) == 9 and number == 1:
                worker = next(
                    one for one in psutil.Process().children(recursive=True) if "ray::Worker" in one.cmdline()[0]
                )
                worker.kill()
                killed.append(worker.pid)
            yield found

    monkeypatch.setattr(RayExecutor, "results", results_with_a_kill)
    found = on_cluster(local, tmp_path, executor, monkeypatch)
    assert len(killed) == 1 and len(passes) > 12
    assert_same(found, local)


DRIVER = """
import os, signal, sys
import psutil
from engine import shard_encoding
from engine.cli import main
from engine.executors.connection import before_ray
before_ray(None)
from engine.executors.ray_cluster import RayExecutor

shard_encoding.GIVEN_SHARD = int(sys.argv[1])
passes, results = [], RayExecutor.results

def results_until_the_end(self, subject, work, parts):
    passes.append(work)
    for number, found in enumerate(results(self, subject, work, parts)):
        yield found
        if len(passes) == 7 and number == 1:
            below = psutil.Process().children(recursive=True)  # Ray's agents wait a minute for it to come back
            print(*(one.pid for one in below if "Agent" not in one.cmdline()[0]), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

RayExecutor.results = results_until_the_end
main(["run", sys.argv[2], "--executor", "ray", "--workers", "2"])
"""


def test_a_run_whose_driver_is_killed_goes_on_and_leaves_no_process_behind(
    executor: RayExecutor, local: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(dataclasses.replace(local.config, out=str(tmp_path / "runs")).to_json())
    environment = {**os.environ, "RAY_AUTH_TOKEN": "0" * 64}
    driver = subprocess.run(
        [sys.executable, "-c", DRIVER, str(shard_encoding.GIVEN_SHARD), str(tmp_path / "config.json")],
        capture_output=True, text=True, env=environment, cwd=ROOT, timeout=200, check=False,
    )  # fmt: skip
    assert driver.returncode == -signal.SIGKILL, driver.stderr[-3000:]
    half = RunFolder(tmp_path / "runs" / local.run_id)
    assert half.has("features") and not half.has("scores.parquet")
    left = [int(pid) for pid in driver.stdout.split()]
    assert len(left) >= 5
    until = time.monotonic() + 60
    while (alive := [pid for pid in left if is_alive(pid)]) and time.monotonic() < until:
        time.sleep(0.2)
    assert not alive
    assert_same(on_cluster(local, tmp_path / "runs", executor, monkeypatch), local)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
