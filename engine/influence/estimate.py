"""Means over random sketches, with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A value per pair that is known up to the luck of the sketches."""

    value: Tensor
    """`[pairs]`"""
    error: Tensor
    """standard error of `value`, `[pairs]`, same unit; NaN from a single sketch"""

    @classmethod
    def mean(cls, draws: Tensor) -> Estimate:
        """The mean of independent draws `[sketches, pairs]`, each right on average."""
        num_sketches = len(draws)
        if num_sketches == 1:
            return cls(draws[0], draws.new_full(draws.shape[1:], float("nan")))
        return cls(draws.mean(0), draws.std(0) / num_sketches**0.5)

    def __truediv__(self, divisor: float) -> Estimate:
        return Estimate(self.value / divisor, self.error / divisor)

    def sqrt(self) -> Estimate:
        """The square root of a mean ≥ 0; its error by the delta method, error / (2 root), 0 where the mean is 0."""
        root = self.value.sqrt()
        return Estimate(root, (self.error / (2 * root)).where(root != 0, root))
