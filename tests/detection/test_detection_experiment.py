"""The experiment from planting to its page: what the detector is given, what is kept, what is said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from engine.cli import main
from engine.crossfit.inputs import PairInputs, inputs_of_run
from engine.detection.cells import finished_cells
from engine.detection.detectors import ridge_detector
from engine.detection.experiment import run_detection
from engine.detection.judge import FIGURES, auroc
from engine.detection.options import DetectionOptions
from engine.errors import ConfigError, RunFolderDamaged, RunFolderPartial
from engine.runs import RunFolder

OPTIONS = DetectionOptions(
    noise=("shuffled", "confusion"), ratios=(0.1, 0.3), seeds=2, resamples=50, detector="ridge", annotators=0
)  # the default one takes seconds a cell


@pytest.fixture(scope="module")
def done(features_run: RunFolder) -> Path:
    return run_detection(features_run, OPTIONS)


def test_the_inputs_are_the_runs_training_pairs_with_its_validation_pairs_beside_them(features_run: RunFolder) -> None:
    found, table = inputs_of_run(features_run), features_run.table("pairs")
    assert len(found) == len(found.image) == len(found.text) == 160 and len(found.validation) == 40
    assert found.captions == tuple(table["caption"][:160]) and found.num_classes == 4
    features = np.load(features_run.path / "features" / "text.npy")
    np.testing.assert_array_equal(found.validation.text.numpy(), features[160:200])
    given = np.roll(np.arange(160), 1)
    other = found.with_captions(given)
    assert other.captions[5] == found.captions[4] and other.labels[5] == found.labels[4]
    assert other.caption_ids[5] == found.caption_ids[4] and other.image is found.image
    torch.testing.assert_close(other.text[5], found.text[4])
    assert (other.image_ids == found.image_ids).all() and len(set(found.image_ids)) == 160


def test_every_setting_is_judged_and_what_is_kept_agrees_with_what_is_said(done: Path) -> None:
    found = json.loads((done / "summary.json").read_text())
    cells = list(finished_cells(done))
    assert [cell.facts["cell"] for cell in cells[:4]] == [
        "shuffled-0.1-0", "shuffled-0.3-0", "confusion-0.1-0", "confusion-0.3-0",
    ]  # fmt: skip
    assert len(cells) == 8 and cells[1].facts["num_wrong"] == 48 == cells[1].is_wrong.sum()
    by_hand = [
        auroc(-cell.signals["text_from_image"].to_numpy(), cell.is_wrong.to_numpy()) for cell in (cells[1], cells[5])
    ]
    said = {
        (row["noise"], row["ratio"], row["column"]): row for row in found["settings"]
    }["shuffled", 0.3, "text_from_image"]  # fmt: skip
    assert said["auroc"] == pytest.approx(np.mean(by_hand), abs=1e-6) and 0.7 < said["auroc"] < 1
    assert said["auroc_low"] < said["auroc"] < said["auroc_high"]
    overall = {row["column"]: row for row in found["overall"]}
    assert set(overall) == {"text_from_image", "image_from_text", "suspicion"}
    own = [row["auroc"] for row in found["settings"] if row["column"] == "suspicion"]
    assert overall["suspicion"]["auroc"] == pytest.approx(np.mean(own)) and len(own) == 4
    best = [
        max(r["auroc"] for r in found["settings"] if r["single"] and r["ratio"] == 0.3 and r["noise"] == "shuffled")
    ]
    assert best[0] == pytest.approx(found["against_best"][1]["best_auroc"])
    assert found["worst_gap"] == min(row["gap"] for row in found["against_best"])
    page = (done / "detection.html").read_text()
    assert "Plotly.newPlot" in page and '<script src="http' not in page


def test_a_killed_experiment_goes_on_and_ends_with_the_same_figures(features_run: RunFolder) -> None:
    options = DetectionOptions(
        noise=("shuffled",), ratios=(0.2,), seeds=3, resamples=20, detector="ridge", annotators=0
    )
    calls: list[int] = []

    def dying(inputs: PairInputs, seed: int) -> pd.DataFrame:
        if seed == 2 and len(calls) == 2:
            calls.append(seed)
            raise KeyboardInterrupt
        calls.append(seed)
        return ridge_detector(inputs, seed)

    with pytest.raises(KeyboardInterrupt):
        run_detection(features_run, options, dying)
    folder = features_run.path / "detection" / options.key
    assert len(pd.read_parquet(folder / "cells.parquet")) == 2 and not (folder / "detection.html").exists()
    run_detection(features_run, options, dying)
    assert calls == [0, 1, 2, 2]  # the finished ones are not done again
    first = json.loads((folder / "summary.json").read_text())
    for file in [*folder.glob("*.*"), *folder.glob("cells/*")]:
        file.unlink()
    run_detection(features_run, options)
    again = json.loads((folder / "summary.json").read_text())
    assert first["overall"] == again["overall"] and first["overall"][0]["auroc"] > 0.6


def test_the_detector_sees_the_noise_and_never_the_truth(features_run: RunFolder) -> None:
    seen: list[PairInputs] = []

    def watching(inputs: PairInputs, seed: int) -> pd.DataFrame:
        seen.append(inputs)
        table = ridge_detector(inputs, seed).assign(p_wrong=0.25)
        table["suspicion_of_one"] = table["suspicion"]
        table.attrs["estimated_share"] = 0.25
        return table

    clean = inputs_of_run(features_run)
    for noisy in (False, True):
        options = DetectionOptions(
            noise=("shuffled",), ratios=(0.25,), seeds=1, noisy_validation=noisy, resamples=10, annotators=0
        )
        folder = run_detection(features_run, options, watching)
        carried = np.array(seen[-1].captions) != np.array(clean.captions)
        assert carried.mean() == 0.25
        assert (carried == next(finished_cells(folder)).is_wrong.to_numpy()).all()
        held_out = np.array(seen[-1].validation.captions) != np.array(clean.validation.captions)
        assert held_out.mean() == (0.25 if noisy else 0)
    found = json.loads((folder / "summary.json").read_text())
    assert found["shares"][0]["estimated_share"] == found["shares"][0]["true_share"] == 0.25
    assert found["reliability"] == [{"estimated": 0.25, "real": 0.25, "pairs": 160}]
    assert [row["column"] for row in found["overall"] if row["single"]] == ["text_from_image", "image_from_text"]


def test_recorded_noise_is_read_from_a_column_or_a_table(features_run: RunFolder, tmp_path: Path, capsys) -> None:
    arguments = ["evaluate", "detection", str(features_run.path), "--noise", "recorded", "--seeds", "1"]
    arguments += ["--detector", "ridge", "--annotators", "0"]
    assert main([*arguments, "--truth-column", "clean_label", "--resamples", "20"]) == 0
    printed = capsys.readouterr().out
    assert "recorded" in printed and "Share of wrong pairs" in printed
    cell = next(finished_cells(Path(printed.split()[-1])))
    wrong = cell.is_wrong[cell.is_wrong].index
    assert len(wrong) == 20 and all(int(name.removeprefix("pair-")) % 8 == 3 for name in wrong)
    rows = [("pair-0", "shuffled", None), ("pair-1", "exact_duplicate", None)]
    pd.DataFrame(rows, columns=["pair_id", "error_kind", "confusion"]).to_csv(tmp_path / "truth.csv", index=False)
    assert main([*arguments, "--truth", str(tmp_path / "truth.csv"), "--resamples", "20"]) == 0
    cell = next(finished_cells(Path(capsys.readouterr().out.split()[-1])))
    assert cell.is_wrong[cell.is_wrong].index.tolist() == ["pair-0"]
    assert cell.is_judged[~cell.is_judged].index.tolist() == ["pair-1"]


def test_what_cannot_be_done_is_said(features_run: RunFolder, done: Path, tmp_path: Path) -> None:
    for wrong in ({"noise": ("odd",)}, {"ratios": (0.0,)}, {"seeds": 0}, {"noise": ("recorded",)}, {"truth": "a.csv"}):
        with pytest.raises(ConfigError):
            DetectionOptions(**wrong)
    with pytest.raises(ConfigError, match="--detector"):
        run_detection(features_run, DetectionOptions(detector="odd"))
    for name in ("config.json", "record.json"):
        (tmp_path / name).write_bytes((features_run.path / name).read_bytes())
    with pytest.raises(RunFolderPartial, match="features"):
        run_detection(RunFolder.open(tmp_path), OPTIONS)
    options = DetectionOptions(noise=("shuffled",), ratios=(0.15,), seeds=2, resamples=10, annotators=0)
    names = iter(["one", "other"])
    with pytest.raises(RunFolderDamaged, match="same signals"):
        run_detection(
            features_run, options, lambda inputs, seed: ridge_detector(inputs, seed).assign(**{next(names): 0})
        )
    assert OPTIONS.key != options.key and len(FIGURES) == 5
