"""What cleaning is worth: arms clean what they say, answers are counted, shares are those of the means."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from engine.cli import main
from engine.crossfit.inputs import PairInputs, inputs_of_run
from engine.detection.cleaning import bench_of, chosen_pairs, right_answers, trained_heads
from engine.detection.detectors import ridge_detector
from engine.detection.made_wrong import made_wrong
from engine.detection.noise import recorded
from engine.detection.options import ARMS, UsefulnessOptions
from engine.detection.usefulness import run_usefulness
from engine.detection.worth import worth
from engine.errors import ConfigError
from engine.runs import RunFolder

OPTIONS = UsefulnessOptions(noise=("shuffled",), ratio=0.4, seeds=2, epochs=10, learning_rate=0.05, batch_size=40)


def cheating(inputs: PairInputs, seed: int) -> pd.DataFrame:
    """Knows that the caption of pair i is "… number i", so that its flags are the oracle's."""
    is_wrong = [caption.split()[-1] != str(number) for number, caption in enumerate(inputs.captions)]
    table = pd.DataFrame({"suspicion": np.array(is_wrong, dtype=float), "p_wrong": np.array(is_wrong, dtype=float)})
    table.attrs["estimated_share"] = float(np.mean(is_wrong))
    return table


def test_arms_clean_what_they_say() -> None:
    noise = recorded(np.array([True, False, False, True]), np.ones(4, dtype=bool))
    suspicion = np.array([0.2, 0.9, 0.1, 0.8])
    chosen = {arm: chosen_pairs(arm, suspicion, noise, 2, seed=0).tolist() for arm in ARMS}
    assert chosen["none"] == [] and chosen["flagged"] == [1, 3] and chosen["oracle"] == [0, 3]
    assert len(set(chosen["random"])) == 2


def test_flags_that_are_right_recover_everything_and_random_ones_do_not(features_run: RunFolder) -> None:
    folder = run_usefulness(features_run, OPTIONS, cheating)
    found = json.loads((folder / "summary.json").read_text())
    arms = {(row["measure"], row["arm"]): row["value"] for row in found["arms"]}
    recovered = {(row["measure"], row["arm"]): row["value"] for row in found["recovered"]}
    for measure in ("accuracy", "recall at 1", "recall at 10"):
        assert arms[measure, "flagged"] == pytest.approx(arms[measure, "oracle"])
    assert recovered["recall at 1", "flagged"] == pytest.approx(1)
    assert arms["recall at 1", "oracle"] > arms["recall at 1", "none"] + 0.1
    assert recovered["recall at 1", "random"] < 0.5
    assert found["flagging"][0]["flagged_precision"] == 1 and found["flagging"][0]["flagged_share"] == 0.4
    page = (folder / "usefulness.html").read_text()
    assert "Plotly.newPlot" in page and '<script src="http' not in page


def test_relabelling_everything_that_is_wrong_is_training_on_the_right_captions(features_run: RunFolder) -> None:
    options = UsefulnessOptions(noise=("shuffled",), ratio=0.4, action="relabel", epochs=2, batch_size=40)
    bench = bench_of(features_run, inputs_of_run(features_run))
    given, noise = made_wrong(bench.inputs, bench.train, options, "shuffled", 0.4, 0)
    wrong, nobody = np.flatnonzero(noise.is_wrong), np.empty(0, dtype=np.int64)
    mended = trained_heads(bench, given, noise, wrong, options, 0)
    clean = recorded(np.zeros(160, dtype=bool), np.ones(160, dtype=bool))
    right = trained_heads(bench, bench.inputs, clean, nobody, options, 0)
    torch.testing.assert_close(mended.image, right.image)
    assert not torch.allclose(mended.image, trained_heads(bench, given, noise, nobody, options, 0).image)


def test_answers_are_counted_by_hand(features_run: RunFolder) -> None:
    bench = bench_of(features_run, inputs_of_run(features_run))
    found, heads = right_answers(bench, bench.source.heads), bench.source.heads
    rows = torch.as_tensor(bench.test["pair_index"].to_numpy(copy=True))
    image, text = (
        torch.nn.functional.normalize(getattr(bench.source, kind)[rows] @ getattr(heads, kind).T)
        for kind in ("image", "text")
    )
    likeness, labels = image @ text.T, bench.test["label"].to_numpy()
    for name, depth in (("recall at 1", 1), ("recall at 10", 10)):
        by_hand = [
            np.mean([i in some[i].topk(depth).indices.tolist() for some in (likeness, likeness.T)]) for i in range(40)
        ]
        np.testing.assert_array_equal(found[name], by_hand)
    ranks = [(some > some.diagonal()[:, None]).sum(1) + 1 for some in (likeness, likeness.T)]
    np.testing.assert_allclose(found["mean reciprocal rank"], np.mean([1 / one.numpy() for one in ranks], axis=0))
    means = {name: text[torch.as_tensor(labels == name)].mean(0) for name in ("ant", "bee", "cow", "dog")}
    guess = [max(means, key=lambda name: float(one @ means[name] / means[name].norm())) for one in image]
    np.testing.assert_array_equal(found["accuracy"], np.array(guess) == labels)
    assert 0.3 < found["accuracy"].mean() < 1


def test_the_recovered_share_is_that_of_the_means() -> None:
    cells = pd.DataFrame(
        {"noise": ["near"] * 2, "num_pairs": 100, "num_wrong": 20, "num_flagged": 10, "flagged_precision": 0.5,
         "training_seconds": 1.0}
    )  # fmt: skip
    generator = np.random.default_rng(0)
    answers = [{"accuracy": generator.random((4, 500)) < np.array([0.5, 0.65, 0.48, 0.7])[:, None]} for _ in range(2)]
    found = worth(cells, answers, resamples=200)
    means = np.mean([one["accuracy"].mean(1) for one in answers], axis=0)
    flagged = found["recovered"][0]
    assert flagged["value"] == pytest.approx((means[1] - means[0]) / (means[3] - means[0]))
    assert 0.4 < flagged["low"] < flagged["value"] < flagged["high"] < 1.2
    assert found["flagging"][0]["wrong_share"] == 0.2 and found["recovered"][1]["value"] < 0.3


def test_the_command_goes_on_where_it_was_and_says_what_it_lacks(features_run: RunFolder, capsys) -> None:
    arguments = [
        "evaluate",
        "usefulness",
        str(features_run.path),
        "--noise",
        "shuffled",
        "--seeds",
        "2",
        "--epochs",
        "1",
        "--detector",
        "ridge",
    ]
    assert main(arguments) == 1  # ridge estimates no share
    assert "--share" in capsys.readouterr().err
    assert main([*arguments, "--share", "0.2", "--resamples", "20"]) == 0
    printed = capsys.readouterr().out
    assert "recall at 1" in printed and "recovered" in printed
    folder = Path(printed.split()[-1])
    before = (folder / "summary.json").read_text()
    rows = pd.read_parquet(folder / "cells.parquet")
    rows.head(1).to_parquet(folder / "cells.parquet")
    (folder / "usefulness.html").unlink()
    calls = []

    def counted(inputs: PairInputs, seed: int) -> pd.DataFrame:
        calls.append(seed)
        return ridge_detector(inputs, seed)

    again = UsefulnessOptions(noise=("shuffled",), seeds=2, epochs=1, share=0.2, resamples=20, detector="ridge")
    assert run_usefulness(features_run, again, counted) == folder and calls == [1]
    assert json.loads((folder / "summary.json").read_text())["arms"] == json.loads(before)["arms"]
    for wrong in ({"action": "odd"}, {"ratio": 0.0}, {"share": 2.0},
                  {"action": "relabel", "noise": ("recorded",), "truth": "a.csv"}):  # fmt: skip
        with pytest.raises(ConfigError):
            UsefulnessOptions(**wrong)
