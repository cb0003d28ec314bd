"""Simulated annotators on the cells of an experiment: what is gained, what is left, and that a kill loses nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.crossfit.inputs import PairInputs
from engine.detection.annotators import print_annotators
from engine.detection.detectors import ridge_detector
from engine.detection.experiment import run_detection
from engine.detection.options import DetectionOptions
from engine.runs import RunFolder

OPTIONS = DetectionOptions(noise=("shuffled",), ratios=(0.2, 0.4), seeds=2, resamples=20, annotators=3)


def unsure(inputs: PairInputs, seed: int) -> pd.DataFrame:
    """The plain baseline with a rough probability."""
    table = ridge_detector(inputs, seed)
    return table.assign(p_wrong=np.clip(table["suspicion"] ** 2, 0.01, 0.99))


@pytest.fixture(scope="module")
def done(features_run: RunFolder) -> Path:
    return run_detection(features_run, OPTIONS, unsure)


def test_a_hundred_decisions_on_160_pairs_gain_and_gains_are_differences(done: Path, capsys) -> None:
    found = {row["noise"]: row for row in json.loads((done / "annotators.json").read_text())["settings"]}
    assert list(found) == ["shuffled 20%", "shuffled 40%", "all"]
    for row in found.values():
        assert row["none"] < min(row["random"], row["proposed"]) <= 1
        assert row["above random decisions"]["value"] == pytest.approx(row["proposed"] - row["random"])
        assert row["above random decisions"]["low"] <= row["above random decisions"]["value"]
    assert found["all"]["simulations"] == 2 * 2 * 3 and 0.5 < found["all"]["covered"] <= 1
    print_annotators(done)
    assert "shuffled 40%" in capsys.readouterr().out


def test_more_annotators_are_added_to_those_who_are_done_and_the_cells_are_not_detected_again(
    features_run: RunFolder, done: Path
) -> None:
    before = pd.read_parquet(done / "annotators.parquet")

    def never(inputs: PairInputs, seed: int) -> pd.DataFrame:
        raise AssertionError("detected again")

    more = DetectionOptions(**{**OPTIONS.__dict__, "annotators": 4})
    assert run_detection(features_run, more, never) == done
    after = pd.read_parquet(done / "annotators.parquet")
    assert len(after) == len(before) * 4 // 3
    pd.testing.assert_frame_equal(after.head(len(before)), before)


def test_without_probabilities_nobody_is_simulated(features_run: RunFolder, capsys) -> None:
    options = DetectionOptions(noise=("shuffled",), ratios=(0.3,), seeds=1, resamples=20, detector="ridge")
    folder = run_detection(features_run, options)
    assert not (folder / "annotators.json").exists()
    print_annotators(folder)
    assert capsys.readouterr().out == ""
