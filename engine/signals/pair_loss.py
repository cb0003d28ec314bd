"""Pair loss: how badly a pair matches within its own batch. Higher is more suspect."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, logits_of


def pair_losses(feature_map: FeatureMap, loss: ContrastiveLoss, segmentations: list[BatchSegmentation]) -> Tensor:
    """Loss of every pair in its batch, mean over segmentations, `[pairs]`, nats; NaN outside all batches."""
    rows = []
    for segmentation in segmentations:
        values = None
        for batch in segmentation.batches:
            pairs = torch.as_tensor(batch)
            found = loss.pair_losses(logits_of(feature_map.features(pairs, pairs)))
            values = found.new_full((segmentation.num_pairs,), float("nan")) if values is None else values
            values[pairs] = found
        rows.append(values)
    return torch.stack(rows).nanmean(0)
