"""Retraining without a group of pairs: the truth that influence predicts, and its cheap neighbour.

Training is deterministic here: L-BFGS with strong Wolfe conditions to convergence on

    J_D(θ) = (1/n) Σ_m L(B_m∖D; θ) + (λ/2)‖θ − θ_ref‖²

from θ_ref (`retrain`). Batches may lose members; they are never regrouped, and 1/n stays. A few iterations from θ̂
(`refine`) come close to the same minimum at a part of the cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap
from engine.influence.leave_out import Objective, objective_without

HISTORY = 20
"""steps that L-BFGS remembers"""
DEFAULT_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6}
"""of the gradient's largest entry, relative to the start's: float32 cannot resolve J further"""


@dataclass(frozen=True)
class Retrained:
    """The outcome of a minimisation."""

    change: Tensor
    """θ − start, `[parameters]`"""
    objective: float
    """J_D, nats per pair (of `refine` up to a constant)"""
    gradient_norm: float
    """‖∇J_D‖ where it ended: a truth is only as good as this is small"""
    gradient_norm_at_start: float
    """‖∇J_D‖ where it began"""
    converged: bool
    """whether the gradient's largest entry fell below the tolerance"""
    evaluations: int
    """of J_D and its gradient"""
    seconds: float


def retrain(
    moved: Callable[[Tensor], FeatureMap],
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    group: np.ndarray,
    *,
    like: Tensor,
    damping: float,
    tolerance: float | None = None,
    num_iterations: int = 2000,
    start: Tensor | None = None,
) -> Retrained:
    """Minimise J_D from θ_ref to convergence.

    Args:
        moved: the training pairs' feature map at θ_ref + Δ, for Δ `[parameters]`.
        loss: the training loss.
        segmentations: the objective is averaged over them.
        group: positions of the pairs that are left out; empty trains with all.
        like: a `[parameters]` tensor that gives size, dtype and device.
        damping: λ.
        tolerance: largest entry of the gradient, relative to that at θ_ref, that counts as converged; default by dtype.
        num_iterations: most iterations of L-BFGS.
        start: Δ to start from; default 0, which is θ_ref.

    Returns:
        The change from θ_ref and what the minimisation was like.
    """
    objective = objective_without(moved, loss, segmentations, group, like=like, damping=damping, is_fitted=False)
    zero = torch.zeros_like(like)
    return _minimise(
        objective,
        zero if start is None else start,
        num_iterations,
        (tolerance or DEFAULT_TOLERANCE[like.dtype]) * float(objective(zero)[1].abs().max()),
    )


def refine(
    moved: Callable[[Tensor], FeatureMap],
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    group: np.ndarray,
    *,
    like: Tensor,
    damping: float,
    num_iterations: int,
    tolerance: float = 0.0,
) -> Retrained:
    """A few iterations on J_D from θ̂, where ∇J(θ̂) = 0 stands for θ_ref; arguments as in `retrain`.

    The tolerance is relative to the gradient at θ̂; 0 does all iterations.

    Returns:
        The change from θ̂ and what the minimisation was like.
    """
    started = time.monotonic()
    objective = objective_without(moved, loss, segmentations, group, like=like, damping=damping, is_fitted=True)
    zero = torch.zeros_like(like)
    target = tolerance * float(objective(zero)[1].abs().max()) if tolerance else 0.0
    return _minimise(objective, zero, num_iterations, target, started)


def _minimise(
    objective: Objective, start: Tensor, num_iterations: int, tolerance: float, started: float | None = None
) -> Retrained:
    """L-BFGS until the gradient's largest entry is at most `tolerance`; the best point it met."""
    started = time.monotonic() if started is None else started
    point = start.clone()
    best: tuple[float, Tensor, Tensor] | None = None
    evaluations, norm_at_start = 0, 0.0

    def closure() -> float:
        nonlocal best, evaluations, norm_at_start
        value, gradient = objective(point)
        if evaluations == 0:
            norm_at_start = float(gradient.norm())
        evaluations += 1
        if best is None or value <= best[0]:
            best = value, point.clone(), gradient
        point.grad = gradient.clone()
        return value

    solver = torch.optim.LBFGS(
        [point],
        max_iter=num_iterations,
        max_eval=25 * num_iterations,
        tolerance_grad=tolerance,
        tolerance_change=1e-30,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )
    with torch.no_grad():
        solver.step(closure)
    value, change, gradient = best
    return Retrained(
        change,
        value,
        float(gradient.norm()),
        norm_at_start,
        bool(gradient.abs().max() <= tolerance),
        evaluations,
        time.monotonic() - started,
    )
