"""The seam between curvatures and scores: `solve(gradients)`, and the inverses that need no file of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.curvature.operator import LinearOperator, mean_diagonal
from engine.curvature.solve import Solution, conjugate_gradients
from engine.directional import FeatureMap

DEFAULT_TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class InverseCurvature(Protocol):
    """H⁻¹ applied to gradients."""

    damping: float
    """the absolute damping in force (0 for the identity)"""

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g for each row of `gradients`, `[queries, parameters]`."""


Builder = Callable[[RunConfig, FeatureMap, BatchSegmentation, Tensor], InverseCurvature]
"""(configuration, features of the training pairs, batches of the objective, a `[parameters]` tensor that gives
size, dtype and device) ↦ the inverse curvature"""


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

    @classmethod
    def of(cls, config: RunConfig, operator: LinearOperator, damping: float, like: Tensor) -> IterativeInverse:
        """With the tolerance and iteration limit of `config`; `operator` has the damping in it."""
        tolerance = config.cg_tolerance or DEFAULT_TOLERANCE[like.dtype]
        return cls(operator, damping, tolerance, config.cg_iterations)


@dataclass(frozen=True)
class IdentityCurvature:
    """H = I: the scores become gradient dot products (the TracIn-style baseline)."""

    damping: float = 0.0

    def solve(self, gradients: Tensor) -> Solution:
        """The gradients themselves."""
        return Solution.closed_form(gradients, gradients)


def identity_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> IdentityCurvature:
    """The identity, whatever the pairs are."""
    return IdentityCurvature()


def absolute_damping(config: RunConfig, undamped: LinearOperator, like: Tensor) -> float:
    """λ: `config.damping`, or the relative damping times the mean diagonal of an undamped operator."""
    if config.damping is not None:
        return config.damping
    return config.relative_damping_in_force * mean_diagonal(undamped, like, seed=config.seed)
