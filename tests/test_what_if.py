"""Leaving planted pairs out mends what they broke, and the command says so."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from small_data import small_config

from engine.cli import main
from engine.errors import ConfigError, PairsError
from engine.pairs.id_lists import read_pair_ids
from engine.pipeline import run
from engine.predictions import metrics
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder
from engine.sample import sample_folder
from engine.study import load_study
from engine.what_if import retrained, summary, what_if


@pytest.fixture(scope="module")
def planted() -> list[str]:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv")
    return truth.loc[truth["error_kind"] == "confusion", "pair_id"].tolist()


def test_without_the_planted_pairs_more_is_mended_than_broken(sample_run: RunFolder, planted: list[str]) -> None:
    found = what_if(load_study(sample_run), planted)
    assert found.num_pairs == len(planted) == 112
    assert len(found.mended) > 1.5 * len(found.broken)
    assert metrics(found.after)["zero_shot_accuracy"] > metrics(found.before)["zero_shot_accuracy"] + 0.02
    truth = pd.read_csv(sample_folder() / "ground_truth.csv")
    targets = truth.loc[truth["error_kind"] == "confusion_target", "pair_id"]
    assert found.mended["pair_id"].isin(targets).sum() >= 4


def test_the_model_as_it_is_stays_what_the_run_recorded(sample_run: RunFolder, planted: list[str]) -> None:
    found = what_if(load_study(sample_run), planted[:3], num_iterations=0)
    assert metrics(found.before) == pytest.approx(sample_run.record["metrics"])
    assert 0 < found.remaining_gradient < 1


def test_what_makes_no_sense_is_refused(sample_run: RunFolder, tmp_path: Path) -> None:
    study = load_study(sample_run)
    everyone = study.rows("train")["pair_id"].tolist()
    for pair_ids in ([], ["nobody"], everyone):
        with pytest.raises(PairsError, match="to leave out"):
            what_if(study, pair_ids, 1)
    with pytest.raises(ConfigError, match="--iterations"):
        what_if(study, everyone[:2], -1)
    plain = load_study(run(dataclasses.replace(small_config(tmp_path), curvature="identity")))
    with pytest.raises(ConfigError, match="gauss-newton"):
        what_if(plain, plain.rows("train")["pair_id"].tolist()[:2], 1)


def test_the_edited_model_is_saved_as_a_model_that_predicts_what_was_said(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path))
    (tmp_path / "ids.txt").write_text("\n".join(load_study(folder).rows("train")["pair_id"].head(4)))
    command = ["whatif", str(folder.path), "--drop", str(tmp_path / "ids.txt"), "--save", str(tmp_path / "edited")]
    assert main([*command, "--out", str(tmp_path / "out.json")]) == 0
    said = json.loads((tmp_path / "out.json").read_text())
    edited = run(dataclasses.replace(small_config(tmp_path), model=str(tmp_path / "edited")))
    assert edited.record["metrics"] == pytest.approx(said["after"], rel=1e-5)
    assert said["after"]["validation_loss"] != pytest.approx(said["before"]["validation_loss"], rel=1e-5)
    assert main(command) == 1, "a folder that exists is not overwritten"


def test_a_model_far_from_its_minimum_is_said_not_to_predict_a_retraining(tmp_path: Path) -> None:
    study = load_study(run(small_config(tmp_path, damping=1e-6)))
    out = study.rows("train")["pair_id"].tolist()[:2]
    assert any("does not predict" in warning for warning in what_if(study, out, 1).warnings)
    settled = dataclasses.replace(study, recorded_damping=10.0)
    assert what_if(settled, out).warnings == ()


def test_a_single_pair_in_float32_moves_the_model_as_in_float64(tmp_path: Path) -> None:
    changes = []
    for dtype in ("float32", "float64"):
        study = load_study(run(small_config(tmp_path, damping=1.0, dtype=dtype)))
        found = what_if(study, study.rows("train")["pair_id"].tolist()[:1])
        changes.append(found.study.source.theta.double() - study.source.theta.double())
    assert (changes[0] - changes[1]).norm() < 0.02 * changes[1].norm()


def test_what_could_not_be_written_is_refused_before_anything_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(small_config(tmp_path))
    (tmp_path / "ids.txt").write_text("nobody")
    (tmp_path / "mine.part").mkdir()
    monkeypatch.setattr("engine.what_if.what_if", None)  # would fail if it were called
    for options, words in (
        (["--save", str(tmp_path / "mine")], "mine.part"),
        (["--save", str(tmp_path)], "exists"),
        (["--out", str(tmp_path)], "folder"),
    ):
        assert main(["whatif", str(folder.path), "--drop", str(tmp_path / "ids.txt"), *options]) == 1
        assert words in capsys.readouterr().err
    assert (tmp_path / "mine.part").is_dir()


def test_ids_come_from_a_table_or_from_lines(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("verdict,pair_id\ndrop,007\nkeep,b\n")
    (tmp_path / "ids.txt").write_text("\ufeff007\n\n b \n", encoding="utf-8")  # as Notepad writes it
    assert read_pair_ids(tmp_path / "ids.csv") == read_pair_ids(tmp_path / "ids.txt") == ["007", "b"]
    (tmp_path / "saved-again.csv").write_text("\ufeffpair_id;caption\n'=b;\"a; b\"\n'-1;c\n;d\n", encoding="utf-8")
    assert read_pair_ids(tmp_path / "saved-again.csv") == ["=b", "-1"]  # by a spreadsheet that writes semicolons
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    (tmp_path / "broken.csv").write_text('pair_id,caption\na,b\nc,"d\n')
    for name in ("wrong.csv", "broken.csv", "absent.txt", "absent.csv"):
        with pytest.raises(PairsError, match="Check the file"):
            read_pair_ids(tmp_path / name)


def test_the_command_leaves_out_what_was_decided(
    sample_run: RunFolder, planted: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    place = tmp_path / "d.sqlite"
    rows = [(pair_id, "drop") for pair_id in planted[:40]] + [(planted[40], "keep")]
    DecisionStore.open(place).append(
        [Decision(pair_id=p, verdict=v, annotator="a", decided_at="t", client_key=p) for p, v in rows]
    )
    out = tmp_path / "what_if.json"
    assert main(["whatif", str(sample_run.path), "--dropped", "--decisions", str(place), "--out", str(out)]) == 0
    written = json.loads(out.read_text())
    assert written["num_pairs"] == 40 and written["num_iterations"] == 10 and len(written["mended"]) >= 1
    said = capsys.readouterr().out
    assert "Without 40 training pairs" in said and "validation loss (nats per pair)" in said
    assert "without retraining, by 10 iterations" in said


def test_a_few_iterations_come_closer_to_retraining_than_the_closed_form(
    sample_run: RunFolder, planted: list[str]
) -> None:
    study = load_study(sample_run)
    truth = retrained(study, planted)
    expected = metrics(truth.after)["validation_loss"]
    closed, refined = (what_if(study, planted, count) for count in (0, 10))
    errors = [abs(metrics(one.after)["validation_loss"] - expected) for one in (closed, refined)]
    assert errors[1] < 0.2 * errors[0]
    assert refined.remaining_gradient < closed.remaining_gradient
    assert summary(refined, truth)["retrained"]["how"].startswith("Trained on without the pairs")
