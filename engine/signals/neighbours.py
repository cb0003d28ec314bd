"""Nearest neighbours by cosine: exact, in chunks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """The nearest pairs of some rows, the nearest first."""

    positions: Tensor
    """`[rows, neighbours]`"""
    similarity: Tensor
    """cosine, `[rows, neighbours]`"""


@dataclass(frozen=True)
class NeighbourIndex:
    """Finds the rows of `features` that are nearest to a given one.

    Args:
        features: unit features, `[pairs, embed_dim]`.
    """

    features: Tensor

    def nearest(self, rows: Tensor, num_neighbours: int, excluded: Tensor) -> Neighbours:
        """The nearest pairs.

        Args:
            rows: unit features, `[rows, embed_dim]`.
            num_neighbours: how many; fewer where there are fewer other pairs.
            excluded: positions that are never neighbours, `[rows, …]`.
        """
        similarity = rows @ self.features.T
        similarity.scatter_(1, excluded, float("-inf"))
        count = max(1, min(num_neighbours, len(self.features) - excluded.shape[1]))
        found = similarity.topk(count, 1)
        return Neighbours(found.indices, found.values)
