"""Tier `heads`: feature maps on cached penultimate features; no encoder is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.directional import HeadsFeatureMap
from engine.feature_rows import Rows, chosen
from engine.models import model_hash
from engine.models.interface import Heads
from engine.models.weights import weights_in_place


@dataclass(frozen=True)
class HeadsSource:
    """Penultimate features of a whole run, and the heads on them."""

    model: str
    """`--model`, opened only to save"""
    heads: Heads
    image: Rows
    """penultimate image features of all pairs, `[pairs, image_dim]`, perhaps mapped"""
    text: Rows
    """penultimate text features of all pairs, `[pairs, text_dim]`"""
    prompts: Rows
    """penultimate text features of the prompts, class by class, `[prompts, text_dim]`"""
    log_logit_scale: bool
    """whether the temperature is studied"""
    chunk_size: int
    adapter: str | None = None
    """merged into the weights that are saved"""

    @property
    def num_prompts(self) -> int:
        """Classes × templates."""
        return len(self.prompts)

    @property
    def theta(self) -> Tensor:
        """Both projections (and the temperature where it is studied), `[parameters]`."""
        named = {
            "text_head": self.heads.text,
            "image_head": self.heads.image,
            "log_logit_scale": self.heads.log_logit_scale,
            "logit_bias": self.heads.logit_bias,
        }
        subset = self.map_of(self.text[:0], self.image[:0]).subset
        return subset.flatten({name: named[name][None] for name in subset.shapes})[0]

    @property
    def record(self) -> dict[str, Any]:
        """Derivatives of the heads are written out."""
        return {"way": "closed form"}

    def pairs(self, positions: Tensor) -> HeadsFeatureMap:
        """Features of the pairs at these positions; large ones stay where they are until a batch is asked for."""
        return self.map_of(chosen(self.text, positions), chosen(self.image, positions))

    def zero_shot(self, positions: Tensor) -> HeadsFeatureMap:
        """Texts are the prompts."""
        return self.map_of(self.prompts, chosen(self.image, positions))

    def moved(self, change: Tensor) -> HeadsSource:
        """The same with other heads."""
        return replace(self, heads=self.map_of(self.text[:0], self.image[:0]).moved(change).heads)

    def save(self, folder: Path) -> None:
        """Write the whole model with these heads."""
        from engine.sources.encoders import load_encoder

        dtype = str(self.image.dtype).removeprefix("torch.")
        encoder, _ = load_encoder(self.model, model_hash(self.model), self.adapter, False, torch.device("cpu"), dtype)
        with weights_in_place(encoder.module, encoder.weights_of(self.heads)):
            encoder.save(folder)

    def map_of(self, text: Rows, image: Rows) -> HeadsFeatureMap:
        """These heads on any penultimate features, `[texts, text_dim]` and `[images, image_dim]`."""
        return HeadsFeatureMap(self.heads, text, image, self.log_logit_scale, self.chunk_size)
