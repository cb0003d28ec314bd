"""The model without a set of pairs and what it would predict, without retraining."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.curvature import DEFAULT_TOLERANCE, SolveStatus
from engine.errors import ConfigError, PairsError
from engine.influence.leave_out import leave_out
from engine.influence.retrain import refine
from engine.predictions import queries_table, validation_losses
from engine.runs import finished_as
from engine.study import Study
from engine.what_if import changes

DEFAULT_ITERATIONS = 10
FAR_FROM_A_MINIMUM = 0.5
"""share of the gradient that remains above which a prediction is not to be trusted"""


@dataclass(frozen=True)
class WhatIf:
    """The outcome of leaving pairs out."""

    num_pairs: int
    """pairs left out"""
    before: pd.DataFrame
    """the queries table of the model as it is"""
    after: pd.DataFrame
    """the queries table of the model without the pairs, same rows"""
    losses_before: np.ndarray
    """validation loss of the model as it is, by batch, `[batches]`, nats per pair"""
    losses_after: np.ndarray
    """of the model without the pairs"""
    batch_sizes: np.ndarray
    """validation pairs by batch, `[batches]`"""
    study: Study
    """the study at the parameters without the pairs"""
    num_iterations: int
    """of the refinement; 0 for the closed form"""
    remaining_gradient: float
    """‖∇J_D‖ at the edited parameters relative to that at θ̂: 0 at the retrained ones, 1 if nothing was gained"""
    seconds: float
    """to find the edited parameters"""
    warnings: tuple[str, ...] = ()

    @property
    def mended(self) -> pd.DataFrame:
        """Rows of `after` that were wrong and are right now."""
        return changes.mended(self.before, self.after)

    @property
    def broken(self) -> pd.DataFrame:
        """Rows of `after` that were right and are wrong now."""
        return changes.broken(self.before, self.after)


def what_if(study: Study, pair_ids: Collection[str], num_iterations: int = DEFAULT_ITERATIONS) -> WhatIf:
    """Leave pairs out of training and predict anew.

    Args:
        study: of a run with a damping.
        pair_ids: training pairs to leave out; others are passed over.
        num_iterations: of L-BFGS from θ̂ on the objective without the pairs, which soon reach the retrained model;
            0 takes the closed form: one Gauss–Newton step with the exact removal term of the group.

    Raises:
        ConfigError: if the run has no damping that stands for a regulariser, or `num_iterations` is below 0.
        PairsError: if no training pair is named, or all are.
    """
    if num_iterations < 0:
        raise ConfigError("--iterations to be at least 0", str(num_iterations), "Change it.")
    group = left_out_rows(study, pair_ids)
    started = time.monotonic()
    given = {"like": torch.zeros_like(study.like), "damping": study.damping}
    if num_iterations == 0:
        change, remaining, warnings = _closed_form(study, group, given)
    else:
        found = refine(
            study.train.moved, study.loss, list(study.segmentations), group, **given, num_iterations=num_iterations
        )
        change, warnings = found.change, ()
        remaining = found.gradient_norm / max(found.gradient_norm_at_start, 1e-300)
    if not remaining < FAR_FROM_A_MINIMUM:
        warnings += (
            f"{remaining:.0%} of the gradient remains: this does not predict a retraining. The model may be far from a "
            "minimum of its objective; train it longer, raise --damping, or take more --iterations.",
        )
    seconds = time.monotonic() - started
    without = study.moved(change)
    losses_before, batch_sizes = validation_losses(study)
    return WhatIf(
        len(group),
        queries_table(study),
        queries_table(without),
        losses_before,
        validation_losses(without)[0],
        batch_sizes,
        without,
        num_iterations,
        remaining,
        seconds,
        warnings,
    )


def left_out_rows(study: Study, pair_ids: Collection[str]) -> np.ndarray:
    """Positions of these pairs among the training pairs.

    Raises:
        ConfigError: if the run has no damping that stands for a regulariser.
        PairsError: if no training pair is named, or all are.
    """
    config = study.config
    if config.curvature == "identity" or (config.curvature == "datainf" and config.damping is None):
        raise ConfigError(
            "a run whose damping stands for the regulariser of the training",
            f"--curvature {config.curvature}",
            "Run again with gauss-newton, or with --damping.",
        )
    is_out = study.rows("train")["pair_id"].isin(set(pair_ids)).to_numpy()
    if not is_out.any() or is_out.all():
        raise PairsError(
            "some of the run's training pairs to leave out",
            f"{int(is_out.sum())} of {len(is_out)}",
            "Check the ids: they stand in the run's pairs table.",
        )
    return np.flatnonzero(is_out)


def _closed_form(study: Study, group: np.ndarray, given: dict) -> tuple[Tensor, float, tuple[str, ...]]:
    found = leave_out(
        study.train.moved,
        study.loss,
        list(study.segmentations),
        group,
        **given,
        tolerance=study.config.cg_tolerance or DEFAULT_TOLERANCE[study.like.dtype],
        max_iterations=study.config.cg_iterations,
    )
    status, (before, after) = found.solution.status, found.gradient_norms
    return found.change, after / max(before, 1e-300), () if status is SolveStatus.CONVERGED else (status.value,)


def save_edited(found: WhatIf, path: Path) -> None:
    """Write the edited weights as a checkpoint of the model's own format.

    Raises:
        ModelError: if the model has no place for them (a tower without a projection).
        StorageError: if the disk refuses.
    """
    with finished_as(path) as part:
        found.study.source.save(part)
