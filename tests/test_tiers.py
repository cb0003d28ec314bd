"""Runs over full encoders, from the pairs table to the what-if."""

from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch

from engine.config import RunConfig
from engine.errors import ConfigError, ModelError
from engine.finetune import Recipe
from engine.finetune.job import finetune, retrain_without
from engine.finetune.record import TrainingFolder
from engine.pipeline import run
from engine.runs import RunFolder
from engine.study import load_study
from engine.what_if import retrained, save_edited, what_if


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return tiny_models.adapter_run(tmp_path_factory.mktemp("tiers"))


@pytest.fixture(scope="module")
def finished(config: RunConfig) -> RunFolder:
    return run(config)


def test_a_run_over_an_adapter_finishes_and_says_how_it_was_differentiated(finished: RunFolder) -> None:
    scores = finished.table("scores")
    assert finished.is_finished
    assert scores["influence"].abs().min() > 0
    assert finished.record["derivative"]["way"] == "forward-mode"
    assert finished.record["num_parameters"] == len(load_study(finished).like)


def test_the_chunk_size_changes_no_score_of_an_adapter(config: RunConfig, finished: RunFolder, tmp_path: Path) -> None:
    other = run(RunConfig(**{**vars(config), "chunk_size": 3, "out": str(tmp_path)}))
    expected, found = (one.table("scores").set_index("pair_id") for one in (finished, other))
    for column in ("influence_positive", "influence_negative", "relative_influence"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-6, atol=1e-12)
        assert expected[column].abs().max() > 1e-6


def test_heads_on_a_tuned_model_read_the_features_of_the_tuned_model(config: RunConfig, finished: RunFolder) -> None:
    heads = run(RunConfig(**{**vars(config), "tier": "heads"}))
    expected = finished.table("scores")["clip_score"]
    np.testing.assert_allclose(heads.table("scores")["clip_score"], expected, rtol=1e-6)
    bare = run(RunConfig(**{**vars(config), "tier": "heads", "adapter": None}))
    assert np.abs(bare.table("scores")["clip_score"] - expected).max() > 0.01


def test_what_if_moves_the_adapter_and_saves_one_that_loads(
    config: RunConfig, finished: RunFolder, tmp_path: Path
) -> None:
    study = load_study(finished)
    out = study.rows("train")["pair_id"].head(3).tolist()
    found = what_if(study, out, num_iterations=3)
    assert 0 < found.remaining_gradient < 1
    save_edited(found, tmp_path / "adapter")
    edited = run(RunConfig(**{**vars(config), "adapter": str(tmp_path / "adapter"), "out": str(tmp_path / "runs")}))
    losses = edited.table("queries")["loss"]
    np.testing.assert_allclose(losses, found.after["loss"], rtol=1e-6)
    assert np.abs(losses - found.before["loss"]).max() > 1e-6


def test_half_precision_towers_give_scores_that_rank_as_float32(config: RunConfig, tmp_path: Path) -> None:
    ranks = []
    for dtype in ("float32", "bfloat16"):
        one = run(RunConfig(**{**vars(config), "dtype": dtype, "out": str(tmp_path)}))
        ranks.append(one.table("scores").set_index("pair_id")["influence"].rank().to_numpy())
    assert np.corrcoef(ranks)[0, 1] > 0.9


def test_options_that_cannot_go_together_are_refused_before_anything_is_read(config: RunConfig) -> None:
    for change, words in (
        ({"adapter": None}, "--adapter"),
        ({"tier": "("}, "regular expression"),
        ({"derivative": "central", "dtype": "bfloat16"}, "rounding"),
        ({"derivative": "sideways"}, "derivative"),
    ):
        with pytest.raises(ConfigError, match=words):
            RunConfig(**{**vars(config), **change})


def test_overflow_in_half_precision_is_refused_with_what_to_do(config: RunConfig, tmp_path: Path) -> None:
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(config.model)
    with torch.no_grad():
        model.vision_model.encoder.layers[0].mlp.fc2.weight.mul_(1e7)
    for part in Path(config.model).iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="--dtype float32"):
        run(RunConfig(**{**vars(config), "model": str(tmp_path), "tier": "heads", "dtype": "float16"}))


@pytest.mark.parametrize("tier", ["heads", "lora", "all"])
def test_a_model_that_ecif_finetune_wrote_is_verified_by_its_own_recipe(
    config: RunConfig, tier: str, tmp_path: Path
) -> None:
    shared = {"tier": tier, "batch_size": 5, "damping": 0.1, "dtype": "float64"}
    recipe = Recipe(config.pairs, config.model, str(tmp_path / "tuned"), epochs=2, learning_rate=1e-3, **shared)
    training = finetune(recipe)

    def run_on(weights: TrainingFolder, name: str) -> RunFolder:
        given = {"adapter": str(weights.result)} if tier == "lora" else {"model": str(weights.result)}
        return run(RunConfig(**{"pairs": config.pairs, "model": config.model, **shared, **given},
                             curvature="ekfac", batches=str(training.path / "batches.parquet"), sketches=2,
                             trace_queries=0, out=str(tmp_path / "runs"), name=name))  # fmt: skip

    study = load_study(run_on(training, "tuned"))
    out = study.rows("train")["pair_id"].head(3).tolist()
    truth = retrained(study, out)
    again = retrain_without(training.path, out, tmp_path / "again")
    expected = run_on(again, "again").table("queries")["loss"]
    np.testing.assert_allclose(truth.after["loss"], expected, rtol=1e-8)
    assert truth.how.startswith("Trained again by its recorded recipe")
    assert np.abs(expected - run_on(training, "tuned").table("queries")["loss"]).max() > 1e-6
