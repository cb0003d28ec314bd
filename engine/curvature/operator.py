"""A curvature is a linear operator on parameter directions; adding one is one file that offers `matvec`."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

DIRECTION_ENTRIES = 2**28
"""entries of stacked directions in memory at once: 1 GiB in float32; a solve holds four such stacks"""


class LinearOperator(Protocol):
    """A symmetric operator on `[queries, parameters]`, damping included; positive definite, the Hessian excepted."""

    def matvec(self, directions: Tensor) -> Tensor:
        """The operator applied to each row of `directions`, `[queries, parameters]`."""


def mean_diagonal(operator: LinearOperator, like: Tensor, num_probes: int = 16, seed: int = 0) -> float:
    """Hutchinson's estimate of trace / parameters with seeded ±1 probes.

    Args:
        operator: the operator.
        like: a tensor `[parameters]` that gives size, dtype and device.
        num_probes: random directions, applied a few at a time.
        seed: of the probes.
    """
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for num_rows in _pieces(num_probes, rows_in_memory(like.shape[-1])):
        signs = torch.randint(0, 2, (num_rows, like.shape[-1]), generator=generator, dtype=torch.int8)
        probes = (2 * signs - 1).to(like)
        total += float((probes * operator.matvec(probes)).mean(1).sum())
    return total / num_probes


def rows_in_memory(num_parameters: int) -> int:
    """How many directions are worked on together, at least 1; changes no result beyond rounding."""
    return max(1, DIRECTION_ENTRIES // num_parameters)


def _pieces(number: int, size: int) -> list[int]:
    return [min(size, number - first) for first in range(0, number, size)]
