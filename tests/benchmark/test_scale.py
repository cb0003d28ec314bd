"""Given features of any size, and what a run on them takes."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from engine.benchmark import synthetic
from engine.benchmark.scale import Scale, StepCost, as_table, measure_scale
from engine.benchmark.synthetic import planted, write_synthetic
from engine.cli import main
from engine.errors import OutOfMemory
from engine.runs import write_json

QUICK = ("--segmentations", "1", "--sketches", "2", "--trace-queries", "0", "--detection-seeds", "1",
         "--cleaning-rounds", "1", "--folds", "2", "--curvature", "identity", "--device", "cpu")  # fmt: skip


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return {kind: np.concatenate([np.load(one) for one in sorted((folder / kind).iterdir())])
            for kind in ("img_emb", "text_emb")}  # fmt: skip


def table(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(one) for one in sorted((folder / "metadata").iterdir())], ignore_index=True)


def test_folders_are_seeded_and_a_larger_one_begins_with_a_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "ROWS_PER_FILE", 1000)
    monkeypatch.setattr(synthetic, "HELD_OUT", 100)
    for name, size, seed in (("a", 3000, 0), ("b", 3000, 0), ("more", 4500, 0), ("other", 3000, 1)):
        write_synthetic(tmp_path / name, size, width=24, seed=seed)
    a, b, more, other = (arrays(tmp_path / name) for name in ("a", "b", "more", "other"))
    for kind, values in a.items():
        assert values.shape == (3000, 24) and values.dtype == np.float16
        np.testing.assert_array_equal(values, b[kind])
        np.testing.assert_array_equal(values, more[kind][:3000])
        assert not np.allclose(values, other[kind])
    pd.testing.assert_frame_equal(table(tmp_path / "a"), table(tmp_path / "more").iloc[:3000])
    assert table(tmp_path / "a")["split"].value_counts().to_dict() == {"train": 2800, "validation": 100, "test": 100}


def test_planted_wrong_pairs_carry_the_caption_of_another_pair_and_can_be_found(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 4000, wrong_share=0.2)
    is_wrong, pairs, features = planted(tmp_path), table(tmp_path), arrays(tmp_path)
    assert (is_wrong.index == pairs["pair_id"]).all()
    own = pairs["caption"].str.rsplit(" ", n=1).str[1].astype(int) == np.arange(4000)
    np.testing.assert_array_equal(own, ~is_wrong)
    train = (pairs["split"] == "train").to_numpy()
    assert 0.17 < is_wrong.to_numpy()[train].mean() < 0.23 and not is_wrong.to_numpy()[~train].any()
    cosine = (features["img_emb"].astype(float) * features["text_emb"]).sum(1)
    assert 0.88 < roc_auc_score(is_wrong, -cosine) < 0.97
    changed = features["img_emb"].copy()
    np.save(tmp_path / "img_emb" / "img_emb_0.npy", changed + 1)
    write_synthetic(tmp_path, 4000, wrong_share=0.2)  # what is there is kept
    assert (arrays(tmp_path)["img_emb"] == changed + 1).all()


def test_the_command_prints_and_writes_what_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    kept = Scale(5000, 16, {"pairs": StepCost(2.0, 1.5, 2**27), "map": StepCost(9.0, 8.0, 2**28)}, 0.912, 320_000)
    write_json(tmp_path / "scale-5000.json", asdict(kept))
    given = ["--sizes", "5000", "--folder", str(tmp_path), "--out", str(tmp_path / "out.json")]
    assert main(["benchmark", "scale", *given]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "AUROC of 0.912" in said and "1.9" in said and "256" in said
    assert json.loads((tmp_path / "out.json").read_text())["scale"] == [asdict(kept)]
    assert main(["benchmark", "scale", "--sizes", "500", "--folder", str(tmp_path)]) != 0


@pytest.mark.alone
def test_a_run_is_measured_step_by_step_once_and_within_its_memory(tmp_path: Path) -> None:
    said = []
    found = measure_scale([1200], tmp_path, said.append, width=16, options=QUICK)
    assert found[0].num_pairs == 1200 and found[0].suspicion_auroc > 0.6
    assert {"pairs", "signals", "scores", "map"} <= set(found[0].steps)
    assert all(cost.processor_seconds >= 0 for cost in found[0].steps.values())
    assert 1 < found[0].processor_seconds < 300 and 2**26 < found[0].peak_bytes < 2**32
    assert said == ["making 1,200 pairs", "running 1,200 pairs"]
    said.clear()
    assert measure_scale([1200], tmp_path, said.append, width=16, options=QUICK) == found and not said
    shown = as_table(found)
    assert shown.loc["all", "1,200 pairs: ms per pair"] == pytest.approx(found[0].processor_seconds / 1.2)
    assert isinstance(found[0].steps["pairs"], StepCost)


@pytest.mark.alone
def test_a_run_that_needs_more_memory_than_it_may_take_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory, match="memory"):
        measure_scale([1200], tmp_path, lambda line: None, width=16, options=QUICK, memory_bytes=2**27)
