"""The signals table of a run: one finished file per seed, a kill costs one, too few pairs are said."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine.crossfit.tables as tables
from engine.config import RunConfig
from engine.crossfit.combine import seeds_of
from engine.crossfit.tables import signals_table
from engine.runs import RunFolder

OPTIONS = {"detection_seeds": 2, "cleaning_rounds": 2, "seed": 3}
NUM_PAIRS = 240


def prepared(folder: Path, num_train: int = 160) -> RunFolder:
    """A finished run on given features."""
    from engine.pipeline import run

    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(NUM_PAIRS, 8))
    split = np.where(np.arange(NUM_PAIRS) < num_train, "train", "test")
    metadata = pd.DataFrame(
        {
            "pair_id": [f"pair-{number}" for number in range(NUM_PAIRS)],
            "image": "given",
            "caption": [f"caption {number}" for number in range(NUM_PAIRS)],
            "split": np.where(np.arange(NUM_PAIRS) >= 200, "validation", split),
        }
    )
    for kind in ("img_emb", "text_emb"):
        (folder / "features" / kind).mkdir(parents=True)
        np.save(folder / "features" / kind / f"{kind}_0.npy", hidden + 0.5 * generator.normal(size=hidden.shape))
    (folder / "features" / "metadata").mkdir()
    metadata.to_parquet(folder / "features" / "metadata" / "metadata_0.parquet")
    source = str(folder / "features")
    config = RunConfig(
        pairs=source, model=f"embeddings:{source}", batch_size=20, sketches=4, dtype="float64",
        out=str(folder / "runs"), **OPTIONS,
    )  # fmt: skip
    return run(config)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return prepared(tmp_path_factory.mktemp("signals"))


def test_the_table_has_a_row_for_every_training_pair_with_its_reason(done: RunFolder) -> None:
    found = done.table("signals")
    pairs = done.table("pairs")
    assert found["pair_id"].tolist() == pairs.loc[pairs["split"] == "train", "pair_id"].tolist()
    assert sorted(found["suspicion_rank"]) == list(range(1, 161))
    assert (found.sort_values("suspicion_rank")["suspicion"].diff().dropna() <= 0).all()
    assert not [name for name in found if name.startswith("because_")]
    assert found["reason"].str.len().gt(0).any() and found["p_wrong"].between(0, 1).all()
    record = done.record["detection"]
    assert record["is_cross_fitted"] and record["rounds"] == 2 and len(record["seeds"]) == 2
    assert record["estimated_share_low"] <= record["estimated_share"] <= record["estimated_share_high"]
    assert [one["seed"] for one in record["seeds"]] == seeds_of(3, 2)


def test_a_seed_that_was_lost_is_found_again_and_the_others_are_not_repeated(
    done: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = tables.cross_fit
    monkeypatch.setattr(tables, "cross_fit", lambda *given: calls.append(given[2]) or real(*given))
    before = signals_table(done, lambda done, of: None)
    assert calls == []
    lost = seeds_of(3, 2)[1]
    (done.path / "crossfit" / f"seed-{lost}.parquet").unlink()  # its facts were written before the kill
    steps = []
    after = signals_table(done, lambda done, of: steps.append((done, of)))
    assert calls == [lost] and steps == [(10 + number, 20) for number in range(1, 11)]
    pd.testing.assert_frame_equal(after.signals, before.signals)
    assert after.record == before.record and before.signals["suspicion"].nunique() > 100


def test_a_process_killed_between_seeds_goes_on_with_equal_scores(done: RunFolder, tmp_path: Path) -> None:
    expected = signals_table(done, lambda done, of: None).signals
    folder = tmp_path / "run"
    shutil.copytree(done.path, folder, ignore=shutil.ignore_patterns("crossfit"))
    code = textwrap.dedent(
        f"""
        import time
        from engine.crossfit.tables import signals_table
        from engine.runs import RunFolder

        def report(done, of):
            if done == 13:
                print("second seed", flush=True)
                time.sleep(60)

        signals_table(RunFolder.open({str(folder)!r}), report)
        """
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert process.stdout.readline().strip() == "second seed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.suffix for path in sorted((folder / "crossfit").iterdir())] == [".json", ".parquet"]
    steps = []
    found = signals_table(RunFolder.open(folder), lambda done, of: steps.append(done)).signals
    assert steps[0] == 11
    pd.testing.assert_frame_equal(found, expected)


def test_fewer_than_a_hundred_pairs_are_not_cross_fitted_and_it_is_said(tmp_path: Path) -> None:
    run = prepared(tmp_path, num_train=99)
    found = signals_table(run, lambda done, of: None)
    assert found.record == {"is_cross_fitted": False}
    assert len(found.signals) == 99 and found.signals[["p_wrong", "suspicion"]].isna().all(axis=None)
    assert "99 training pairs" in found.notes[0] and found.notes[0] in run.record["notes"]
    assert not (run.path / "crossfit").exists()
    assert run.table("scores")["suspicion"].notna().all()  # by the signals of the model itself
