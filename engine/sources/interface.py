"""The `FeatureSource` seam: feature maps of the pairs and prompts of a run, at θ̂ or moved away from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from engine.directional import FeatureMap


class FeatureSource(Protocol):
    """Feature maps of all pairs of a run and of its class prompts, at one θ."""

    num_prompts: int
    """classes × templates; 0 without classes"""

    @property
    def theta(self) -> Tensor:
        """The studied parameters, `[parameters]`; gives size, dtype and device of directions."""

    @property
    def record(self) -> dict[str, Any]:
        """What the record of a run keeps of how features are differentiated."""

    def pairs(self, positions: Tensor) -> FeatureMap:
        """Features of the pairs at these positions of the pairs table; index = place in `positions`."""

    def zero_shot(self, positions: Tensor) -> FeatureMap:
        """Texts are all prompts, class by class; images are those of the pairs at these positions."""

    def moved(self, change: Tensor) -> FeatureSource:
        """The same at θ + `change`, `[parameters]`."""

    def save(self, folder: Path) -> None:
        """Write the model at θ as a checkpoint of its own format: an adapter for the tier lora, else a model."""
