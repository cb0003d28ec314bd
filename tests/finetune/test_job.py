"""`ecif finetune` from the command line: what it leaves, resumes, repeats and refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from small_data import model, small_table

from engine.cli import main
from engine.errors import ConfigError, PairsError, RunFolderAbsent
from engine.finetune.job import finetune, retrain_without
from engine.finetune.record import TrainingFolder
from engine.models import load_model
from engine.runs import RunFolder

ROOT = Path(__file__).resolve().parents[2]


def arguments(one, **more: object) -> list[str]:
    """The command line of a recipe."""
    names = "pairs model out tier epochs batch_size learning_rate dtype device rank checkpoint_steps damping"
    given = {name: getattr(one, name) for name in names.split()} | more
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items() if value is not None]
    return ["finetune", *(word for pair in pairs for word in pair)]


def weights(folder: TrainingFolder) -> dict[str, torch.Tensor]:
    return load_file(next(folder.result.glob("*.safetensors")))


def same(first: TrainingFolder, second: TrainingFolder) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_finished_training_holds_its_model_its_batches_and_its_record(recipe, capsys) -> None:
    assert main(arguments(recipe(damping=0.1))) == 0
    out = capsys.readouterr()
    folder = TrainingFolder.open(out.out.strip())
    record = folder.record
    assert "validation loss" in out.err and "‖∇J‖" in out.err
    assert sorted(one.name for one in folder.path.iterdir() if one.name != ".lock") == [
        "batches.parquet", "finetune.json", "model", "progress.json",
    ]  # fmt: skip
    assert record["counts"] == {"train": 12, "left_out": 0, "validation": 6} and record["steps"] == 4
    assert [one["epoch"] for one in record["epochs"]] == [1, 2] and record["gradient_norm"] > 0
    assert record["options"]["damping"] == 0.1 and record["versions"]["torch"] == torch.__version__.partition("+")[0]
    batches = pd.read_parquet(folder.path / "batches.parquet")
    assert len(batches) == 24 and set(batches["segmentation"]) == {0, 1}
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.*")}
    assert main(arguments(recipe(damping=0.1))) == 0
    assert before == {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.*")}


def test_the_tuned_model_and_its_batches_go_into_a_run(recipe, capsys, tmp_path: Path) -> None:
    one = recipe(epochs=3)
    assert main(arguments(one)) == 0
    capsys.readouterr()
    common = ["run", "--pairs", one.pairs, "--dtype", "float64", "--batch-size", "6", "--sketches", "2"]
    common += ["--batches", f"{one.out}/batches.parquet"]
    losses = {}
    for name, spec in (("before", one.model), ("after", f"{one.out}/model")):
        assert main([*common, "--model", spec, "--out", str(tmp_path / name)]) == 0
        found = RunFolder.open(capsys.readouterr().out.strip())
        assert found.table("batches")["segmentation"].nunique() == 3 and found.record["batches"]["left_out"] == 0
        losses[name] = found.record["metrics"]["validation_loss"]
    record = TrainingFolder.open(one.out).record
    assert losses["before"] == pytest.approx(record["validation_loss_before"], rel=1e-9)
    assert losses["after"] == pytest.approx(record["epochs"][-1]["validation_loss"], rel=1e-9)
    assert losses["after"] != pytest.approx(losses["before"], rel=1e-3)


@pytest.mark.parametrize("kind", ["hf", "open_clip"])
def test_the_adapter_and_its_batches_go_into_a_run_of_the_tier_lora(recipe, kind: str, capsys, tmp_path: Path) -> None:
    one = recipe(kind, tier="lora", epochs=3)
    folder = finetune(one)
    command = ["run", "--pairs", one.pairs, "--model", one.model, "--adapter", f"{one.out}/adapter", "--tier", "lora"]
    command += ["--batches", f"{one.out}/batches.parquet", "--dtype", "float64", "--batch-size", "6"]
    assert main([*command, "--sketches", "2", "--out", str(tmp_path / "runs")]) == 0
    found = RunFolder.open(capsys.readouterr().out.strip())
    assert found.table("scores")["influence"].abs().min() > 0
    record = folder.record
    assert found.record["metrics"]["validation_loss"] == pytest.approx(
        record["epochs"][-1]["validation_loss"], rel=1e-9
    )
    assert record["epochs"][-1]["validation_loss"] != pytest.approx(record["validation_loss_before"], rel=1e-3)
    assert found.record["num_parameters"] == record["num_parameters"]


@pytest.mark.parametrize("kind", ["hf", "siglip", "open_clip"])
def test_peft_loads_the_adapter_and_gives_the_same_features(recipe, kind: str) -> None:
    from peft import PeftModel

    from engine.directional.encoders import embed
    from engine.models.lora import load_adapter
    from engine.tiers import parametrization

    one = recipe(kind, tier="lora", loss="siglip" if kind == "siglip" else "clip", epochs=3)
    folder = finetune(one)
    encoder, theirs = (load_model(one.model, torch.device("cpu"), torch.float64) for _ in range(2))
    tokens, _ = encoder.prepare_texts(["a red thing", "green"])
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def own_features() -> list[torch.Tensor]:
        if kind == "open_clip":
            found = [theirs.module.encode_text(tokens["text"]), theirs.module.encode_image(pixels)]
        else:
            found = [theirs.module.get_text_features(**tokens), theirs.module.get_image_features(pixels)]
        found = [getattr(part, "pooler_output", part) for part in found]
        return [torch.nn.functional.normalize(part, dim=1).detach() for part in found]

    plain = own_features()
    PeftModel.from_pretrained(theirs.module, folder.result).eval()  # changes the module in place
    tuned = own_features()
    chosen = parametrization("lora", encoder, load_adapter(folder.result, encoder.module))
    for index, (name, inputs) in enumerate((("text", tokens), ("image", pixels))):
        ours = embed(encoder, chosen, name, inputs, chosen.start)
        torch.testing.assert_close(ours, tuned[index], rtol=1e-9, atol=1e-9)
        assert (ours - plain[index]).abs().max() > 1e-4


@pytest.mark.parametrize("tier", ["heads", "lora", "text_model"])
def test_leaving_out_nobody_gives_the_same_weights_to_the_bit(recipe, tier: str, tmp_path: Path) -> None:
    first = finetune(recipe(tier=tier))
    again = retrain_without(first.path, [], tmp_path / "again")
    assert same(first, again) and again.record["again"] == str(first.path)
    ids = pd.read_parquet(first.path / "batches.parquet")["pair_id"].unique()[:2].tolist()
    assert not same(first, retrain_without(first.path, ids, tmp_path / "other"))


def test_a_retraining_keeps_the_order_and_lacks_the_pairs_only(recipe, tmp_path: Path, capsys) -> None:
    first = finetune(recipe(epochs=4))
    batches = pd.read_parquet(first.path / "batches.parquet")
    gone = batches["pair_id"].unique()[[1, 5, 8]]
    (tmp_path / "gone.txt").write_text("\n".join([*gone, "no-such-pair"]))
    command = ["finetune", "--again", str(first.path), "--without", str(tmp_path / "gone.txt")]
    assert main([*command, "--out", str(tmp_path / "without")]) == 0
    assert "9 training pairs (3 left out)" in " ".join(capsys.readouterr().err.split())
    found = pd.read_parquet(tmp_path / "without" / "batches.parquet")
    kept = batches[~batches["pair_id"].isin(gone)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept)
    record = TrainingFolder.open(tmp_path / "without").record
    assert record["nominal_batch_size"] == first.record["nominal_batch_size"] == 6
    more = retrain_without(tmp_path / "without", kept["pair_id"].unique()[:1], tmp_path / "fewer")
    assert more.record["counts"]["left_out"] == 4  # those of the training that is repeated stay out


@pytest.mark.parametrize(("tier", "every"), [("heads", 20), ("lora", 5)])
def test_a_training_killed_by_the_system_resumes_to_the_same_weights(recipe, tier, every, tmp_path: Path) -> None:
    options = {"tier": tier, "epochs": 250 if tier == "heads" else 40, "batch_size": 4, "checkpoint_steps": every}
    whole = finetune(recipe(out=str(tmp_path / "whole"), **options))
    one = recipe(**options)
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments(one)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint, until = Path(one.out) / "checkpoint.safetensors", time.monotonic() + 60
    while not checkpoint.exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = TrainingFolder.open(one.out)
    assert not killed.is_finished and checkpoint.exists() and not killed.result.exists()
    assert json.loads((killed.path / "progress.json").read_text())["state"] == "running"
    resumed = finetune(one)
    assert resumed.is_finished and same(whole, resumed) and not checkpoint.exists()
    keys = ("train_loss", "validation_loss")
    for a, b in zip(whole.record["epochs"], resumed.record["epochs"], strict=True):
        assert [a[key] for key in keys] == [b[key] for key in keys]


def test_a_folder_that_holds_something_else_is_left_alone(recipe, tmp_path: Path) -> None:
    finetune(recipe())
    with pytest.raises(ConfigError, match="one with another learning_rate"):
        finetune(recipe(learning_rate=0.5))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="an empty folder"):
        finetune(recipe(out=str(tmp_path / "mine")))
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_retraining_of_what_has_changed_is_refused(recipe, tmp_path: Path) -> None:
    from tiny_models import picture_table

    table = picture_table(tmp_path / "own", 18)
    first = finetune(recipe(pairs=str(table)))
    with pytest.raises(PairsError, match="got 0 of 12"):
        retrain_without(first.path, ["nobody"], tmp_path / "a")
    with pytest.raises(PairsError, match="got 12 of 12"):
        retrain_without(first.path, pd.read_parquet(first.path / "batches.parquet")["pair_id"], tmp_path / "b")
    table.write_text(table.read_text().replace("red", "green"))
    with pytest.raises(ConfigError, match="the pairs that the training began with"):
        retrain_without(first.path, [], tmp_path / "c")
    with pytest.raises(RunFolderAbsent):
        retrain_without(tmp_path, [], tmp_path / "d")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--pairs a.csv", "no --model and no --out"),
        ("--again somewhere --out b", "Give both, or none."),
        ("--again somewhere --without c --out b --epochs 3", "got --epochs. Leave it out: the rest is recorded."),
        ("--pairs a.csv --model nowhere --out b", "hf:NAME_OR_FOLDER"),
    ],
)
def test_commands_that_say_too_little_or_too_much_are_one_sentence(
    command, words, capsys, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["finetune", *command.split()]) == 1
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.alone
def test_heads_of_the_samples_model_train_in_seconds(tmp_path: Path) -> None:
    from engine.finetune import Recipe

    one = Recipe(str(small_table(tmp_path)), model(), str(tmp_path / "tuned"), epochs=20, batch_size=8, device="cpu")
    record = finetune(one).record
    assert record["seconds"] < 5 and record["epochs"][-1]["train_loss"] < record["epochs"][0]["train_loss"]
