"""Cross-fitting by training again: every fold is scored by a model that never saw it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_data import small_config, small_table
from tiny_models import hf_clip

from engine.crossfit.detect import CrossFitOptions, folds_of
from engine.crossfit.inputs import inputs_of_run
from engine.finetune.job import finetune
from engine.finetune.recipe import Recipe
from engine.pipeline import run
from engine.runs import RunFolder

NUM_FOLDS = 2


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """The same pairs, cross-fitted by training again and by heads alone."""
    folder = tmp_path_factory.mktemp("refits")
    small_table(folder, train=110, validation=60, test=8)
    config = small_config(folder, folds=NUM_FOLDS, detection_seeds=1, cleaning_rounds=2, trace_queries=2)
    config = replace(config, model=f"hf:{hf_clip(folder / 'tiny')}")
    recipe = Recipe(
        pairs=config.pairs, model=config.model, out=str(folder / "tuned"), tier="lora", epochs=2, rank=2, batch_size=16
    )
    finetune(recipe)
    return run(replace(config, cross_fit=str(folder / "tuned"), name="again")), run(replace(config, name="heads"))


def trained_on(folder: Path) -> set[str]:
    return set(pd.read_parquet(folder / "batches.parquet")["pair_id"])


def test_no_model_of_a_fold_has_seen_the_fold_or_a_suspect(runs):
    again, _ = runs
    inputs, pairs = inputs_of_run(again), again.table("pairs")
    pair_ids = pairs.loc[pairs["split"] == "train", "pair_id"].to_numpy()
    seed = again.record["detection"]["seeds"][0]["seed"]
    folds = folds_of(inputs, CrossFitOptions(NUM_FOLDS, 2), seed)
    suspects = pd.read_parquet(again.path / "crossfit" / f"seed-{seed}.parquet")["p_wrong"].to_numpy() > 0.5
    for fold in range(NUM_FOLDS):
        seen = trained_on(again.path / "crossfit" / f"fold-{fold}" / "training")
        assert seen == set(pair_ids[(folds != fold) & ~suspects])
        assert 0 < len(seen) < len(pair_ids)


def test_the_models_of_two_folds_differ_and_so_do_the_scores_from_those_of_heads_alone(runs):
    again, heads = runs
    images = [np.load(again.path / "crossfit" / f"fold-{fold}" / "features" / "image.npy") for fold in range(NUM_FOLDS)]
    assert images[0].shape == images[1].shape and not np.allclose(images[0], images[1])
    signals = again.table("signals")
    assert signals["model_similarity"].notna().all()
    assert not np.allclose(signals["similarity"], heads.table("signals")["similarity"])
    assert signals["p_wrong"].between(0, 1).all() and signals["suspicion_rank"].is_unique


def test_a_killed_cross_fit_goes_on_with_the_folds_that_are_trained(runs):
    again, _ = runs
    before = again.table("signals")
    record = json.loads((again.path / "crossfit" / "fold-0" / "training" / "finetune.json").read_text("utf-8"))
    for name in ("signals.parquet", "scores.parquet", "traces.parquet"):
        (again.path / name).unlink()
    for path in (again.path / "crossfit" / "refitted").iterdir():
        path.unlink()
    again.update_record(finished_at=None)
    renewed = run(again.config)
    pd.testing.assert_frame_equal(renewed.table("signals"), before)
    after = json.loads((again.path / "crossfit" / "fold-0" / "training" / "finetune.json").read_text("utf-8"))
    assert after["finished_at"] == record["finished_at"]
