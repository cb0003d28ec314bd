"""The trained model that an experiment is about: start, fit, groups, and what is measured on a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.batches import BatchSegmentation, seeded_segmentations
from engine.errors import ConfigError
from engine.fidelity.groups import draw_groups
from engine.fidelity.options import FidelityOptions
from engine.influence.retrain import Retrained, retrain
from engine.predictions import validation_value
from engine.queries import classify
from engine.runs import finished_as, write_json, write_table
from engine.signals import clip_scores, in_sample_suspicion, pair_losses
from engine.study import Study


@dataclass(frozen=True)
class Measured:
    """What a model is worth."""

    validation_loss: float
    """nats per pair"""
    accuracy: float
    """zero-shot accuracy, 0 … 1; NaN without classes"""


@dataclass(frozen=True)
class Setting:
    """A model fitted to the chosen training pairs, and the groups to take out."""

    options: FidelityOptions
    start: Study
    """at θ_ref: the run's parameters"""
    fitted: Study
    """at θ̂: the minimum of J over all chosen pairs"""
    fit: Tensor
    """θ̂ − θ_ref, `[parameters]`"""
    segmentation: BatchSegmentation
    """batches of the chosen pairs, by position among all training pairs; n is the number of chosen pairs"""
    groups: pd.DataFrame
    """see `draw_groups`"""

    def group(self, number: int) -> np.ndarray:
        """Positions of the members of one group."""
        return self.groups.loc[self.groups["group"] == number, "position"].to_numpy()

    def retrained(self, group: np.ndarray, start: Tensor | None = None) -> Retrained:
        """Training to convergence without `group`, from θ_ref unless a change is given to start from."""
        return retrain(
            self.start.train.moved,
            self.start.loss,
            [self.segmentation],
            group,
            like=self.start.like,
            damping=self.options.damping,
            start=start,
        )


def measure(study: Study) -> Measured:
    """Validation loss and zero-shot accuracy of a model."""
    loss = validation_value(study)
    truth = study.labels(study.test_split)
    labelled = np.flatnonzero(truth >= 0)
    if not study.classes or not len(labelled):
        return Measured(loss, float("nan"))
    images = torch.as_tensor(labelled)
    features = study.zero_shot.features(torch.arange(study.source.num_prompts), images)
    labels = torch.as_tensor(truth[labelled]).to(features.image.device)
    found = classify(features, labels, len(study.config.templates))
    return Measured(loss, float(found.correct.float().mean()))


def chosen_batches(study: Study, options: FidelityOptions) -> BatchSegmentation:
    """The first segmentation of the run, or a seeded one of `train_pairs` chosen pairs.

    Raises:
        ConfigError: if there are not so many.
    """
    train = study.rows("train")
    if options.train_pairs is None:
        batches = study.segmentations[0].batches
        return BatchSegmentation(batches, sum(len(batch) for batch in batches))
    if options.train_pairs > len(train):
        raise ConfigError(
            f"--train-pairs to be at most {len(train)}", str(options.train_pairs), "Leave it out to take all."
        )
    chosen = np.sort(np.random.default_rng(options.seed).choice(len(train), options.train_pairs, replace=False))
    some = train.iloc[chosen]
    conflicts = np.stack([pd.factorize(some["content_hash"])[0], pd.factorize(some["caption"])[0]], axis=1)
    found, _ = seeded_segmentations(conflicts, min(study.config.batch_size, len(chosen)), 1, options.seed)
    return BatchSegmentation(tuple(chosen[batch] for batch in found[0].batches), len(chosen))


def fitted_setting(study: Study, options: FidelityOptions, folder: Path) -> Setting:
    """Fit the model and draw the groups, or read both from `folder`.

    Args:
        study: of the run.
        options: of the experiment.
        folder: gets fit.safetensors, fit.json and groups.parquet.
    """
    segmentation = chosen_batches(study, options)
    nobody = np.empty(0, dtype=np.int64)
    if not (folder / "groups.parquet").exists():
        empty = Setting(options, study, study, torch.zeros_like(study.like), segmentation, pd.DataFrame())
        found = empty.retrained(nobody)
        with finished_as(folder / "fit.safetensors") as part:
            save_file({"change": found.change.cpu()}, part)
        fitted = study.moved(found.change)
        write_json(folder / "fit.json", _facts(study, fitted, found, segmentation))
        members = np.sort(np.concatenate(segmentation.batches))
        write_table(folder / "groups.parquet", draw_groups(members, _suspicion(fitted, segmentation, members), options))
    fit = load_file(folder / "fit.safetensors")["change"].to(study.like)
    groups = pd.read_parquet(folder / "groups.parquet")
    return Setting(options, study, study.moved(fit), fit, segmentation, groups)


def _facts(start: Study, fitted: Study, found: Retrained, segmentation: BatchSegmentation) -> dict[str, Any]:
    before, after = measure(start), measure(fitted)
    return {
        "num_pairs": segmentation.num_pairs,
        "batch_sizes": sorted({len(batch) for batch in segmentation.batches}),
        "num_parameters": len(found.change),
        "distance_from_start": float(found.change.norm()),
        "objective": found.objective,
        "gradient_norm": found.gradient_norm,
        "converged": found.converged,
        "evaluations": found.evaluations,
        "seconds": found.seconds,
        "validation_loss_at_start": before.validation_loss,
        "validation_loss": after.validation_loss,
        "accuracy_at_start": None if np.isnan(before.accuracy) else before.accuracy,
        "accuracy": None if np.isnan(after.accuracy) else after.accuracy,
    }


def _suspicion(fitted: Study, segmentation: BatchSegmentation, members: np.ndarray) -> np.ndarray:
    """Suspicion of the chosen pairs by the fitted model, `[members]`."""
    everyone = BatchSegmentation(segmentation.batches, len(fitted.rows("train")))
    losses = pair_losses(fitted.train, fitted.loss, [everyone])[members]
    chosen = torch.as_tensor(members)
    scores = clip_scores(fitted.train.features(chosen, chosen))
    table = pd.DataFrame({"clip_score": scores.cpu().numpy(), "pair_loss": losses.cpu().numpy()})
    return in_sample_suspicion(table)["suspicion"].to_numpy()
