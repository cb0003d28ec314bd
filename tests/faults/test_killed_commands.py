"""`kill -9` of runs over whole encoders, of trainings, and of commands that answer into a file."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_data import small_config
from tiny_models import adapter_run, hf_clip, picture_table

from engine.config import RunConfig
from engine.finetune.record import TrainingFolder
from engine.runs import RunFolder, list_runs
from faults.killing import Moment, finished, killed, start
from faults.wreck import STEPS, Wreck

KILLS_OF_A_TRAINING = 6


def undisturbed(config: RunConfig, folder: Path) -> tuple[RunFolder, float]:
    """The run of `config` and its seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path, began = folder / "config.json", time.monotonic()
    path.write_text(dataclasses.replace(config, out=str(folder)).to_json())
    finished(start("run", str(path), log=folder / "log"), folder / "log")
    return list_runs(folder)[0], time.monotonic() - began


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("small")
    return undisturbed(small_config(folder), folder / "runs")[0]


@pytest.mark.parametrize("tier", ["lora", "all"])
def test_a_run_over_the_whole_encoders_resumes_with_the_same_scores(tmp_path: Path, tier: str) -> None:
    config = adapter_run(tmp_path)
    if tier == "all":
        config = dataclasses.replace(config, tier="all", adapter=None)
    whole, seconds = undisturbed(config, tmp_path / "whole")
    chance = random.Random(tier)
    one = Wreck(dataclasses.replace(whole.config, out=str(tmp_path / "wreck")), whole)
    for step in STEPS[2:]:  # the first two are those of every tier
        one.kill(dies_at=Moment("os.rename", f"{step}.part", after=chance.random() < 0.5))
    for _ in range(2):
        one.kill(seconds=chance.uniform(0, seconds))
    assert len(one.kills) >= len(STEPS[2:])
    one.finish()


def steps_done(checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    with safe_open(checkpoint, framework="pt") as file:
        return json.loads(file.metadata()["training"])["step"]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(TrainingFolder.open(folder).result.glob("*.safetensors")))


@pytest.mark.parametrize("tier", ["heads", "lora"])
def test_a_training_goes_on_from_its_last_checkpoint_to_the_same_weights(tmp_path: Path, tier: str) -> None:
    model, pairs = hf_clip(tmp_path / "model"), picture_table(tmp_path / "pairs", 18)
    options = ["--tier", tier, "--pairs", str(pairs), "--model", f"hf:{model}", "--dtype", "float64", "--rank", "2"]
    options += ["--device", "cpu", "--epochs", "25", "--batch-size", "6"]
    options += ["--checkpoint-steps", "1", "--learning-rate", "0.01"]
    log, whole, out = tmp_path / "log", tmp_path / "whole", tmp_path / "out"
    finished(start("finetune", *options, "--out", str(whole), log=log), log)
    chance, done = random.Random(tier), 0
    moments = [
        Moment("os.rename", "checkpoint.safetensors.part", chance.random() < 0.5, chance.randint(1, 4))
        for _ in range(KILLS_OF_A_TRAINING)
    ]
    result = TrainingFolder.open(whole).result.name
    moments += [Moment("os.rename", f"{result}.part", after) for after in (False, True)]
    for moment in moments:
        assert killed(start("finetune", *options, "--out", str(out), log=log, dies_at=moment, watched=out), 60)
        before, done = done, steps_done(out / "checkpoint.safetensors")
        assert done >= before, "a checkpoint was lost"
    finished(start("finetune", *options, "--out", str(out), log=log), log)
    assert done == TrainingFolder.open(whole).record["steps"]  # at the kill beside the finished model
    expected, found = weights(whole), weights(out)
    assert expected.keys() == found.keys() and all(torch.equal(expected[name], found[name]) for name in expected)
    first, second = (TrainingFolder.open(one).record for one in (whole, out))
    for one in (*first["epochs"], *second["epochs"]):
        one.pop("seconds")
    assert first["epochs"] == second["epochs"] and first["gradient_norm"] == second["gradient_norm"]
    assert not list(out.rglob("*.part")) and not (out / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("command", ["trace", "whatif"])
def test_an_answer_in_a_file_is_the_old_one_or_the_new_one(small_run: RunFolder, tmp_path: Path, command: str) -> None:
    train = small_run.table("pairs").query("split == 'train'")["pair_id"]
    (tmp_path / "drop.txt").write_text("\n".join(train.head(3)))
    query = small_run.table("queries").query("kind != 'validation'")["query_id"].iloc[0]
    asked = {"trace": ["--query", query], "whatif": ["--drop", str(tmp_path / "drop.txt"), "--iterations", "0"]}
    out, log = tmp_path / ("answer.parquet" if command == "trace" else "answer.json"), tmp_path / "log"
    out.write_text("the old answer")
    given = [command, str(small_run.path), *asked[command], "--out", str(out)]
    assert killed(start(*given, log=log, dies_at=Moment("os.rename", f"{out.name}.part"), watched=tmp_path), 60)
    assert out.read_text() == "the old answer"
    finished(start(*given, log=log), log)
    if command == "trace":
        assert set(pd.read_parquet(out)["query_id"]) == {query}
    else:
        assert json.loads(out.read_text())["num_pairs"] == 3
    assert not list(tmp_path.glob("*.part"))
