"""What every alternative is asked, and what it answers."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.benchmark.setting import Setting
from engine.contrastive import ClipLoss
from engine.models.interface import DualEncoder

LOSS = ClipLoss()


class PairModel(nn.Module):
    """Both towers in one forward: what a library that wants one module is given."""

    def __init__(self, encoder: DualEncoder) -> None:
        super().__init__()
        self.model, self._encoder = encoder.module, encoder

    def forward(self, pixels: Tensor, **tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[texts, images]` need unit text features and unit image features, which these are."""
        text, image = self._encoder.embed_texts(tokens), self._encoder.embed_images(pixels)
        return nn.functional.normalize(text, dim=1), nn.functional.normalize(image, dim=1)

    @property
    def logit_scale(self) -> Tensor:
        """The multiplier of the similarities, `[]`."""
        return self.model.logit_scale.detach().exp()


@dataclass(frozen=True)
class Job:
    """Scores of training pairs for the loss of validation pairs, over the two projections of a model.

    Rows of the inputs are the training pairs, batch by batch, and then the validation pairs, one batch of the query.
    """

    setting: Setting
    """its segmentation is over the training pairs"""
    num_validation: int
    weights: tuple[str, ...]
    """names of the projections in the model"""
    encoders: dict[torch.dtype, DualEncoder]
    """the model in the dtype of the inputs, and in float32 for what knows no other"""

    @property
    def num_pairs(self) -> int:
        """Training pairs."""
        return self.setting.segmentation.num_pairs

    @property
    def validation(self) -> Tensor:
        """Rows of the validation pairs."""
        return self.num_pairs + torch.arange(self.num_validation)

    def fresh_model(self, dtype: torch.dtype | None = None) -> PairModel:
        """A copy to change at will; no parameter has a gradient."""
        return PairModel(copy.deepcopy(self.encoders[dtype or self.setting.inputs.pixels.dtype]))

    def rows(self, which: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Prepared pictures and tokens of rows."""
        inputs = self.setting.inputs
        return inputs.pixels[which], {name: tokens[which] for name, tokens in inputs.tokens.items()}


class Alternative(Protocol):
    """A way to scores."""

    name: str
    how: str
    """how the job is put to it, and what it cannot express"""
    curvature: str
    """identity, or what it puts in its place"""
    package: str | None
    """what must be importable"""

    def scores(self, job: Job) -> Tensor:
        """One score per training pair, `[pairs]`; any unit, > 0 where the pair helps."""


def is_missing(alternative: Alternative) -> bool:
    """Whether the library behind it is not installed."""
    return alternative.package is not None and importlib.util.find_spec(alternative.package) is None
