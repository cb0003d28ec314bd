"""Curvature of the training objective and its inverse: one operator interface, one registry.

`inverse_curvature` gives what the scores need of a curvature: `solve(gradients)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature.gauss_newton import GaussNewton
from engine.curvature.operator import LinearOperator, mean_diagonal
from engine.curvature.solve import Solution, SolveStatus, conjugate_gradients
from engine.directional import FeatureMap

__all__ = [
    "DEFAULT_TOLERANCE",
    "GaussNewton",
    "IdentityCurvature",
    "InverseCurvature",
    "IterativeInverse",
    "LinearOperator",
    "Solution",
    "SolveStatus",
    "conjugate_gradients",
    "inverse_curvature",
    "mean_diagonal",
]

DEFAULT_TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class InverseCurvature(Protocol):
    """H⁻¹ applied to gradients."""

    damping: float
    """the absolute damping in force (0 for the identity)"""

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g for each row of `gradients`, `[queries, parameters]`."""


@dataclass(frozen=True)
class IterativeInverse:
    """The inverse of an operator by conjugate gradients."""

    operator: LinearOperator
    damping: float
    tolerance: float
    max_iterations: int

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g by conjugate gradients, with its residual and status."""
        return conjugate_gradients(self.operator, gradients, self.tolerance, self.max_iterations)


@dataclass(frozen=True)
class IdentityCurvature:
    """H = I: the scores become gradient dot products (the TracIn-style baseline)."""

    damping: float = 0.0

    def solve(self, gradients: Tensor) -> Solution:
        """The gradients themselves."""
        return Solution(gradients, gradients.new_zeros(gradients.shape[0]), 0, SolveStatus.CONVERGED)


def inverse_curvature(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> InverseCurvature:
    """The inverse curvature that `config` asks for.

    Args:
        config: curvature, damping, tolerance.
        feature_map: features of the training pairs.
        segmentation: batches of the training objective.
        like: a tensor `[parameters]` with the dtype and device of directions.
    """
    if config.curvature == "identity":
        return IdentityCurvature()
    operator = GaussNewton(feature_map, LOSSES[config.loss], segmentation)
    damping = config.damping
    if damping is None:
        damping = config.relative_damping_in_force * mean_diagonal(operator, like, seed=config.seed)
    tolerance = config.cg_tolerance or DEFAULT_TOLERANCE[like.dtype]
    return IterativeInverse(operator.damped(damping), damping, tolerance, config.cg_iterations)
