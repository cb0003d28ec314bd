"""Solving G x = g: conjugate gradients for several right-hand sides in lockstep, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from engine.curvature.operator import LinearOperator
from engine.errors import SolveError


class SolveStatus(StrEnum):
    """How a solve ended; the value is the sentence a user reads."""

    CONVERGED = "The solve converged."
    NOT_CONVERGED = (
        "The solve stopped at its iteration limit before converging: scores are approximate. "
        "Raise --relative-damping or --cg-iterations."
    )
    NEGATIVE_CURVATURE = (
        "The curvature has a direction of no or negative curvature: scores are not reliable. Raise the damping."
    )


@dataclass(frozen=True)
class Solution:
    """The outcome of a solve."""

    values: Tensor
    """x, `[queries, parameters]`"""
    residuals: Tensor
    """‖g − G x‖ / ‖g‖ per right-hand side, `[queries]`, recomputed at the end"""
    iterations: int
    """products with the operator"""
    status: SolveStatus

    @classmethod
    def closed_form(cls, values: Tensor, right_hand_sides: Tensor) -> Solution:
        """What a formula gave: nothing is iterated, and the residual is 0 with respect to the formula's own matrix.

        How far that matrix is from the curvature of the objective is not measured here.

        Raises:
            SolveError: if a right-hand side or a value is not finite.
        """
        check_finite(right_hand_sides, "the gradient of a query")
        check_finite(values, "a product with the inverse curvature")
        return cls(values, values.new_zeros(values.shape[0]), 0, SolveStatus.CONVERGED)


def conjugate_gradients(
    operator: LinearOperator,
    right_hand_sides: Tensor,
    tolerance: float,
    max_iterations: int,
) -> Solution:
    """Solve with a symmetric positive definite operator (Hestenes and Stiefel 1952).

    A row that meets a direction of no or negative curvature keeps what it has; the other rows go on, and the status of
    all says so.

    Args:
        operator: damping included.
        right_hand_sides: g, `[queries, parameters]`; rows of zeros give zeros.
        tolerance: relative residual at which a row is left alone.
        max_iterations: most products with the operator.

    Raises:
        SolveError: if the right-hand sides or a product are not finite.
    """
    size = right_hand_sides.norm(dim=1)
    check_finite(size, "the gradient of a query")
    target = tolerance * size
    values = torch.zeros_like(right_hand_sides)
    residual = right_hand_sides.clone()
    direction = residual.clone()
    squared_residual = residual.square().sum(1)
    given_up = torch.zeros_like(size, dtype=torch.bool)
    status, iterations = SolveStatus.CONVERGED, 0
    while bool((active := (residual.norm(dim=1) > target) & ~given_up).any()):
        if iterations == max_iterations:
            status = SolveStatus.NOT_CONVERGED
            break
        rows = active.nonzero().flatten()
        product = operator.matvec(direction[rows])
        iterations += 1
        bend = (direction[rows] * product).sum(1)
        check_finite(bend, "a product with the curvature")
        given_up[rows[bend <= 0]] = True
        rows, product, bend = rows[bend > 0], product[bend > 0], bend[bend > 0]
        step = (squared_residual[rows] / bend)[:, None]
        values[rows] += step * direction[rows]
        residual[rows] -= step * product
        renewed = residual[rows].square().sum(1)
        direction[rows] = residual[rows] + (renewed / squared_residual[rows])[:, None] * direction[rows]
        squared_residual[rows] = renewed
    true_residual = (right_hand_sides - operator.matvec(values)).norm(dim=1) / size.clamp(
        min=torch.finfo(size.dtype).tiny
    )
    if bool(given_up.any()):
        status = SolveStatus.NEGATIVE_CURVATURE
    if status is SolveStatus.CONVERGED and bool((true_residual > 10 * tolerance).any()):
        status = SolveStatus.NOT_CONVERGED
    return Solution(values, true_residual, iterations, status)


def check_finite(values: Tensor, what: str) -> None:
    """Raise a SolveError that names `what` if a value is NaN or infinite."""
    if not bool(torch.isfinite(values).all()):
        raise SolveError(
            f"{what} to be finite",
            "NaN or infinity",
            "The model may be damaged or overflow in this precision; try --dtype float64.",
        )
