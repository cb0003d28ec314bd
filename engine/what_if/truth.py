"""What a what-if predicts, found the slow way: training again without the pairs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from engine.embedding import write_features
from engine.finetune.job import retrain_without
from engine.finetune.record import FILE as RECORD
from engine.finetune.record import TrainingFolder
from engine.influence.retrain import DEFAULT_TOLERANCE, refine
from engine.models import split_spec
from engine.predictions import queries_table, validation_losses
from engine.study import Study, load_features
from engine.what_if.edit import left_out_rows

MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Truth:
    """The model that was trained without the pairs."""

    after: pd.DataFrame
    """its queries table, same rows as the run's"""
    losses: np.ndarray
    """its validation loss by batch, `[batches]`, nats per pair"""
    how: str
    """a sentence"""
    seconds: float


def retrained(study: Study, pair_ids: Collection[str], console: Console | None = None) -> Truth:
    """Train again without the pairs.

    A model that `ecif finetune` wrote is trained again from the same start, with the same batches and seeds. Any other
    model has no recorded start: its objective without the pairs is minimised to convergence from the model as it is.

    Args:
        study: of the run.
        pair_ids: training pairs to leave out; others are passed over.
        console: terminal for the progress bars of the training.

    Raises:
        ConfigError: if the run has no damping that stands for a regulariser.
        PairsError: if no training pair is named, or all are.
    """
    group, started = left_out_rows(study, pair_ids), time.monotonic()
    training = training_of(study)
    if training is not None:
        with tempfile.TemporaryDirectory() as folder:
            again = retrain_without(training.path, pair_ids, Path(folder) / "again", console)
            without = _study_of(study, again, Path(folder) / "features")
            after, losses = queries_table(without), validation_losses(without)[0]
        recipe = training.recipe
        how = f"Trained again by its recorded recipe (tier {recipe.tier}, λ = {recipe.damping:g})"
        if recipe.tier != study.config.tier or recipe.damping != study.damping:
            how += f"; the prediction is for tier {study.config.tier}, λ = {study.damping:g}"
        return Truth(after, losses, f"{how}.", time.monotonic() - started)
    found = refine(
        study.train.moved,
        study.loss,
        list(study.segmentations),
        group,
        like=torch.zeros_like(study.like),
        damping=study.damping,
        num_iterations=MOST_ITERATIONS,
        tolerance=DEFAULT_TOLERANCE[study.like.dtype],
    )
    seconds = time.monotonic() - started
    remaining = found.gradient_norm / max(found.gradient_norm_at_start, 1e-300)
    how = f"Trained on without the pairs from the model as it is, until {remaining:.2%} of the gradient remained."
    without = study.moved(found.change)
    return Truth(queries_table(without), validation_losses(without)[0], how, seconds)


def _study_of(study: Study, training: TrainingFolder, folder: Path) -> Study:
    """The same pairs and queries as a trained model sees them."""
    weights = {"adapter": str(training.result)} if study.config.adapter else {"model": str(training.result)}
    config = replace(study.config, tier="heads", **weights)
    write_features(folder, config, study.pairs, lambda done, total: None)
    return replace(study, config=config, source=load_features(folder, config)[0])


def training_of(study: Study) -> TrainingFolder | None:
    """The `ecif finetune` folder that the studied weights came from; None if they came from elsewhere."""
    weights = Path(study.config.adapter or split_spec(study.config.model)[1]).resolve()
    if not weights.is_dir() or not (weights.parent / RECORD).is_file():
        return None
    training = TrainingFolder.open(weights.parent)
    return training if training.is_finished and training.result.resolve() == weights else None
