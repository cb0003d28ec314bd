"""The data term of the training objective: batch losses summed over batches, with their gradient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, logit_cotangents, logits_of
from engine.executors import passes_over


@dataclass(frozen=True)
class LossAndGradient:
    """L(B_m) of one batch in float64, `[]`, and its gradient `[1, parameters]`."""

    loss: ContrastiveLoss

    def __call__(self, feature_map: FeatureMap, batch: np.ndarray) -> tuple[Tensor, Tensor]:
        """Of the pairs at these positions."""
        pairs = torch.as_tensor(batch)
        features, pullback = feature_map.features_and_pullback(pairs, pairs)
        logits = logits_of(features)
        cotangents = logit_cotangents(features, self.loss.logit_gradient(logits)[None])
        return self.loss.pair_losses(exact(logits)).sum(), pullback(cotangents)


@dataclass(frozen=True)
class LossAlone:
    """L(B_m) of one batch in float64, `[]`."""

    loss: ContrastiveLoss

    def __call__(self, feature_map: FeatureMap, batch: np.ndarray) -> tuple[Tensor]:
        """Of the pairs at these positions."""
        pairs = torch.as_tensor(batch)
        return (self.loss.pair_losses(exact(logits_of(feature_map.features(pairs, pairs)))).sum(),)


def summed_loss(
    feature_map: FeatureMap, loss: ContrastiveLoss, batches: Iterable[np.ndarray]
) -> tuple[Tensor | float, Tensor | float]:
    """Σ_m L(B_m) and its gradient; a process has only one batch in memory at a time.

    Args:
        feature_map: features of the pairs.
        loss: the contrastive loss.
        batches: positions of the pairs of each batch.

    Returns:
        The sum `[]` in float64, nats, and its gradient `[1, parameters]`; zeros without any batch.
    """
    total, gradient = passes_over(feature_map).summed(LossAndGradient(loss), list(batches)) or (0.0, 0.0)
    return total, gradient


def summed_loss_value(feature_map: FeatureMap, loss: ContrastiveLoss, batches: Iterable[np.ndarray]) -> Tensor | float:
    """Σ_m L(B_m) alone, `[]`, nats: a plain pass of the model instead of three; arguments as in `summed_loss`."""
    found = passes_over(feature_map).summed(LossAlone(loss), list(batches))
    return found[0] if found else 0.0


def exact(values: Tensor) -> Tensor:
    """`values` in float64, on the CPU where the device has none: line searches compare losses to the last digit."""
    return values.cpu().double() if values.device.type == "mps" else values.double()
