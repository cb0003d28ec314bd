"""A curvature is a linear operator on parameter directions; adding one is one file that offers `matvec`."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class LinearOperator(Protocol):
    """A symmetric positive definite operator on `[queries, parameters]`, damping included."""

    def matvec(self, directions: Tensor) -> Tensor:
        """The operator applied to each row of `directions`, `[queries, parameters]`."""


def mean_diagonal(operator: LinearOperator, like: Tensor, num_probes: int = 16, seed: int = 0) -> float:
    """Hutchinson's estimate of trace / parameters with seeded ±1 probes.

    Args:
        operator: the operator.
        like: a tensor `[parameters]` that gives size, dtype and device.
        num_probes: random directions; all are applied at once.
        seed: of the probes.
    """
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (num_probes, like.shape[-1]), generator=generator)
    probes = (2 * signs - 1).to(like)
    return float((probes * operator.matvec(probes)).mean())
