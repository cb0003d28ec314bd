"""What the parameters would be without a group of pairs, without retraining.

Training minimises J(θ) = (1/n) Σ_m L(B_m; θ) + (λ/2)‖θ − θ_ref‖². Without the group D every batch loses its members:

    J_D(θ) = (1/n) Σ_m L(B_m∖D; θ) + (λ/2)‖θ − θ_ref‖²

θ_ref is not needed: ∇J(θ̂) = 0 says λ(θ̂ − θ_ref) = −(1/n) Σ_m ∇L(B_m; θ̂). If θ̂ is not quite stationary, this leaves out
the drift that further training would bring with or without the group. So, with Δ = θ − θ̂,

    ∇J_D = (1/n) [Σ_m ∇L(B_m∖D; θ) − Σ_m ∇L(B_m; θ̂)] + λΔ

which at Δ = 0 is −(1/n) ∇R_D, the exact group removal term. One Gauss–Newton step with the curvature of J_D is the
closed form of influence for a group; further steps go on to the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.curvature import GaussNewton, Solution, conjugate_gradients
from engine.directional import FeatureMap
from engine.objective import exact, summed_loss

Objective = Callable[[Tensor], tuple[float, Tensor]]
HALVINGS = 6
"""times a step is halved at most until it lowers J_D"""


@dataclass(frozen=True)
class LeftOut:
    """The parameters without a group."""

    change: Tensor
    """Δ = θ − θ̂, `[parameters]`"""
    gradient_norms: tuple[float, float]
    """‖∇J_D‖ at θ̂ and there"""
    solution: Solution
    """the solve behind it"""


def without_group(segmentation: BatchSegmentation, group: np.ndarray) -> BatchSegmentation:
    """The batches without the pairs at positions `group`; batches that lose every pair are gone, n stays."""
    kept = (batch[~np.isin(batch, group)] for batch in segmentation.batches)
    return BatchSegmentation(tuple(batch for batch in kept if len(batch)), segmentation.num_pairs)


def objective_without(
    moved: Callable[[Tensor], FeatureMap],
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    group: np.ndarray,
    *,
    like: Tensor,
    damping: float,
    is_fitted: bool,
) -> Objective:
    """J_D as a function of the change Δ: its value [nats per pair, up to a constant] and gradient `[parameters]`.

    Args:
        moved: the training pairs' feature map at the start + Δ, for Δ `[parameters]`.
        loss: the training loss.
        segmentations: value and gradient are averaged over them.
        group: positions of the pairs that are left out.
        like: a `[parameters]` tensor that gives size, dtype and device.
        damping: λ.
        is_fitted: whether the start is θ̂, where ∇J = 0 stands for θ_ref, or θ_ref itself.
    """
    rests = [without_group(one, group) for one in segmentations]
    num_pairs = segmentations[0].num_pairs
    pull = torch.zeros_like(like)
    if is_fitted:
        _, pull = _loss_and_gradient(moved(pull), loss, segmentations)

    def objective(change: Tensor) -> tuple[float, Tensor]:
        value, gradient = _loss_and_gradient(moved(change), loss, rests)
        moved_by = exact(change)
        value = (value - exact(pull) @ moved_by) / num_pairs + damping / 2 * moved_by.square().sum()
        return float(value), (gradient - pull) / num_pairs + damping * change

    return objective


def leave_out(
    moved: Callable[[Tensor], FeatureMap],
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    group: np.ndarray,
    *,
    like: Tensor,
    damping: float,
    tolerance: float,
    max_iterations: int,
) -> LeftOut:
    """One Gauss–Newton step on J_D from θ̂: the closed form of influence for a group.

    The step is halved until it lowers J_D. Further steps would reach the retrained parameters too, but cost more than
    training again (`engine.influence.retrain.refine` is the cheaper way on).

    Args:
        moved: the training pairs' feature map at θ̂ + Δ, for Δ `[parameters]`.
        loss: the training loss.
        segmentations: gradients are averaged over them; the curvature is that of the first.
        group: positions of the pairs that are left out.
        like: a `[parameters]` tensor that gives size, dtype and device.
        damping: λ.
        tolerance: of the solve.
        max_iterations: of the solve.
    """
    objective = objective_without(moved, loss, segmentations, group, like=like, damping=damping, is_fitted=True)
    rest = without_group(segmentations[0], group)
    start = torch.zeros_like(like)
    value, gradient = objective(start)
    solution = conjugate_gradients(
        GaussNewton(moved(start), loss, rest, damping), -gradient[None], tolerance, max_iterations
    )
    change, norm = solution.values[0], float(gradient.norm())
    for _ in range(HALVINGS):
        lowered, gradient = objective(change)
        if lowered <= value:
            return LeftOut(change, (norm, float(gradient.norm())), solution)
        change = change / 2
    return LeftOut(start, (norm, norm), solution)


def _loss_and_gradient(
    feature_map: FeatureMap, loss: ContrastiveLoss, segmentations: list[BatchSegmentation]
) -> tuple[Tensor, Tensor]:
    """Σ_m L(B_m) [nats] and its gradient `[parameters]`, both averaged over segmentations."""
    value, gradient = summed_loss(feature_map, loss, [batch for one in segmentations for batch in one.batches])
    return value / len(segmentations), gradient[0] / len(segmentations)
