"""Which parameters are studied, and how named tensors become one flat direction and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ParameterSubset:
    """Names and shapes of the studied parameters, in the order of the flat vector."""

    shapes: dict[str, tuple[int, ...]]

    @property
    def num_parameters(self) -> int:
        """Length of the flat vector."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def flatten(self, parts: dict[str, Tensor]) -> Tensor:
        """`[queries, parameters]` from tensors `[queries, *shape]`, one per name."""
        return torch.cat([parts[name].reshape(parts[name].shape[0], -1) for name in self.shapes], 1)

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """Tensors `[queries, *shape]` by name from `[queries, parameters]`."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        pieces = flat.split(sizes, 1)
        return {
            name: piece.reshape(flat.shape[0], *shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }
