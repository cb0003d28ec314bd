"""The experiment from a run's features to its files: figures hold, a killed one goes on, options never mix."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_data import small_config

from engine.cli import main
from engine.config import CURVATURES
from engine.errors import ConfigError, RunFolderError, RunFolderPartial
from engine.fidelity.experiment import run_fidelity
from engine.fidelity.methods import group_terms
from engine.fidelity.options import FidelityOptions
from engine.fidelity.setting import fitted_setting, measure
from engine.influence.leave_out import without_group
from engine.objective import summed_loss
from engine.pipeline import run
from engine.runs import RunFolder
from engine.study import load_study

OPTIONS = FidelityOptions(damping=0.3, groups=4, flagged=2, share=0.2)
TIMES = ["seconds", "seconds_per_group", "shared_seconds", "share_of_retraining_time"]


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(small_config(tmp_path_factory.mktemp("fidelity"), dtype="float64"))


@pytest.fixture(scope="module")
def done(small_run: RunFolder) -> Path:
    return run_fidelity(small_run, OPTIONS)


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet").drop(columns=TIMES, errors="ignore")


def test_every_method_is_judged_and_the_truth_has_converged(done: Path) -> None:
    found = json.loads((done / "summary.json").read_text())
    assert found["options"] == dataclasses.asdict(OPTIONS)
    assert found["fit"]["converged"] and found["fit"]["gradient_norm"] < 1e-5
    assert found["retraining"]["converged"] == found["retraining"]["groups"] == 6
    methods = table(done, "methods").set_index("method")
    for curvature in CURVATURES:
        for role, terms in {"positive": 1, "negative": 3, "both": 3}.items():
            assert ((methods["curvature"] == curvature) & (methods["role"] == role)).sum() == terms
    best = methods.loc["10 warm iterations"]
    assert best["lds_all"] > 0.9 and best["relative_error_all"] < 0.2
    assert best["relative_error_all"] < methods.loc["gauss-newton · both · group", "relative_error_all"]
    assert best["accuracy_points_apart"] <= 15  # one of eight test pictures is 12.5 points
    page = (done / "fidelity.html").read_text()
    assert "Plotly.newPlot" in page and '<script src="http' not in page


def test_the_truth_is_the_loss_of_the_model_at_its_own_minimum(small_run: RunFolder, done: Path) -> None:
    setting = fitted_setting(load_study(small_run), OPTIONS, done)
    truth = table(done, "truth")
    nobody = setting.retrained(np.empty(0, dtype=int))
    torch.testing.assert_close(nobody.change, setting.fit, rtol=1e-5, atol=1e-6)
    group = setting.group(1)
    elsewhere = setting.retrained(group, start=setting.fit)
    change = measure(setting.start.moved(elsewhere.change)).validation_loss
    expected = truth["loss_change"][1]
    assert change - measure(setting.fitted).validation_loss == pytest.approx(expected, rel=1e-3)
    assert abs(expected) > 1e-5


def test_the_group_term_is_the_derivative_of_what_the_objective_loses(small_run: RunFolder, done: Path) -> None:
    setting = fitted_setting(load_study(small_run), OPTIONS, done)
    study, group = setting.fitted, setting.group(0)
    direction = torch.randn(1, len(study.like), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rest = without_group(setting.segmentation, group)
    gradients = [summed_loss(study.train, study.loss, one.batches)[1] for one in (setting.segmentation, rest)]
    expected = float(((gradients[0] - gradients[1]) * direction).sum())
    assert group_terms(setting, direction, [group])[0] == pytest.approx(expected)
    assert group_terms(setting, direction, [group[:1]])[0] != pytest.approx(expected)


def test_a_subset_of_the_pairs_is_seeded_and_keeps_its_own_count(small_run: RunFolder, tmp_path: Path) -> None:
    study = load_study(small_run)
    some = dataclasses.replace(OPTIONS, train_pairs=15)
    setting = fitted_setting(study, some, tmp_path)
    members = np.concatenate(setting.segmentation.batches)
    assert setting.segmentation.num_pairs == 15 == len(set(members.tolist()))
    assert len(study.rows("train")) > 15 and set(setting.groups["position"]) <= set(members)
    with pytest.raises(ConfigError, match="--train-pairs"):
        fitted_setting(study, dataclasses.replace(OPTIONS, train_pairs=999), tmp_path / "other")


def test_a_killed_experiment_goes_on_with_the_same_groups_and_figures(small_run: RunFolder, done: Path) -> None:
    options = dataclasses.replace(OPTIONS, seed=1)
    whole = run_fidelity(small_run, options)
    expected = {name: table(whole, name) for name in ("truth", "refined", "methods", "groups")}
    for file in whole.glob("*.*"):
        file.unlink()
    command = [sys.executable, "-m", "engine", "evaluate", "fidelity", str(small_run.path), "--damping", "0.3",
               "--groups", "4", "--flagged", "2", "--share", "0.2", "--seed", "1"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (whole / "truth.parquet").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (whole / "truth.parquet").exists() and not (whole / "fidelity.html").exists()
    before = len(table(whole, "truth"))
    first = (pd.read_parquet(whole / "truth.parquet"))["seconds"].tolist()
    assert run_fidelity(small_run, options) == whole
    assert pd.read_parquet(whole / "truth.parquet")["seconds"].tolist()[:before] == first  # not done again
    for name, one in expected.items():
        pd.testing.assert_frame_equal(table(whole, name), one, check_exact=False, rtol=1e-4, atol=1e-8)
    assert whole != done


def test_what_cannot_be_computed_is_said(small_run: RunFolder, tmp_path: Path, capsys) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "record.json"):
        (bare / name).write_bytes((small_run.path / name).read_bytes())
    with pytest.raises(RunFolderPartial, match="features"):
        run_fidelity(RunFolder.open(bare), OPTIONS)
    assert issubclass(RunFolderPartial, RunFolderError)
    assert main(["evaluate", "fidelity", str(small_run.path), "--share", "0.9"]) == 1
    assert "--share" in capsys.readouterr().err


def test_the_command_prints_the_figures_and_the_folder(small_run: RunFolder, done: Path, capsys) -> None:
    arguments = ["--damping", "0.3", "--groups", "4", "--flagged", "2", "--share", "0.2"]
    assert main(["evaluate", "fidelity", str(small_run.path), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "LDS random" in printed and str(done) in printed.replace("\n", "") and "converged" in printed
