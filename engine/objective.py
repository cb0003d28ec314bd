"""The data term of the training objective: batch losses summed over batches, with their gradient."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, logit_cotangents, logits_of


def summed_loss(
    feature_map: FeatureMap, loss: ContrastiveLoss, batches: Iterable[np.ndarray]
) -> tuple[Tensor | float, Tensor | float]:
    """Σ_m L(B_m) and its gradient; only one batch is in memory at a time.

    Args:
        feature_map: features of the pairs.
        loss: the contrastive loss.
        batches: positions of the pairs of each batch.

    Returns:
        The sum `[]` in float64, nats, and its gradient `[1, parameters]`; zeros without any batch.
    """
    total, gradient = 0.0, 0.0
    for batch in batches:
        pairs = torch.as_tensor(batch)
        features, pullback = feature_map.features_and_pullback(pairs, pairs)
        logits = logits_of(features)
        total = total + loss.pair_losses(exact(logits)).sum()
        cotangents = logit_cotangents(features, loss.logit_gradient(logits)[None])
        gradient = gradient + pullback(cotangents)
    return total, gradient


def summed_loss_value(feature_map: FeatureMap, loss: ContrastiveLoss, batches: Iterable[np.ndarray]) -> Tensor | float:
    """Σ_m L(B_m) alone, `[]`, nats: a plain pass of the model instead of three; arguments as in `summed_loss`."""
    total = 0.0
    for batch in batches:
        pairs = torch.as_tensor(batch)
        total = total + loss.pair_losses(exact(logits_of(feature_map.features(pairs, pairs)))).sum()
    return total


def exact(values: Tensor) -> Tensor:
    """`values` in float64, on the CPU where the device has none: line searches compare losses to the last digit."""
    return values.cpu().double() if values.device.type == "mps" else values.double()
