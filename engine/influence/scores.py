"""Influence of every training pair on several queries, by role, in one directional pass.

With w = (1/n) H⁻¹ ∇L_q the influence of removing pair k is ⟨w, ∇R_k⟩: the derivative of its removal term
along w. One directional derivative of the features serves every pair of the batch, so no gradient of a
single pair is ever formed. Sign: > 0 the pair helps the query, < 0 it hurts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss, RoleTerms
from engine.directional import FeatureMap, logit_tangents, logits_of


@dataclass(frozen=True)
class SegmentedScores:
    """Scores averaged over segmentations; a pair that is in none of them has NaN."""

    mean: RoleTerms
    """`[queries, pairs]` by role"""
    std: Tensor
    """`[queries, pairs]`, standard deviation of the sum of roles; NaN with one segmentation"""


def role_scores(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentation: BatchSegmentation,
    directions: Tensor,
    negative_term: str = "exact",
) -> RoleTerms:
    """⟨w, ∇R_k⟩ of every pair for every direction w under one segmentation.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentation: its batches.
        directions: w, `[queries, parameters]`.
        negative_term: "exact" or "first-order".

    Returns:
        `[queries, pairs]` by role; NaN for pairs that are in no batch.
    """
    shape = (directions.shape[0], segmentation.num_pairs)
    positive = directions.new_full(shape, float("nan"))
    negative = directions.new_full(shape, float("nan"))
    for batch in segmentation.batches:
        pairs = torch.as_tensor(batch, device=directions.device)
        features = feature_map.features(pairs, pairs)
        moved = logit_tangents(features, feature_map.tangents(pairs, pairs, directions))
        terms = loss.removal_derivatives(logits_of(features), moved, negative_term)
        positive[:, pairs], negative[:, pairs] = terms.positive, terms.negative
    return RoleTerms(positive, negative)


def segmented_scores(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    directions: Tensor,
    negative_term: str = "exact",
    after_each: Callable[[], None] = lambda: None,
) -> SegmentedScores:
    """`role_scores` averaged over segmentations; arguments as there, `after_each` is called per segmentation."""
    positive, negative = [], []
    for segmentation in segmentations:
        terms = role_scores(feature_map, loss, segmentation, directions, negative_term)
        positive.append(terms.positive)
        negative.append(terms.negative)
        after_each()
    positives, negatives = torch.stack(positive), torch.stack(negative)
    mean = RoleTerms(positives.nanmean(0), negatives.nanmean(0))
    both = positives + negatives
    present = (~both.isnan()).sum(0)
    spread = (both - mean.both).square().nansum(0) / (present - 1)  # 0/0 = NaN with one segmentation
    return SegmentedScores(mean, torch.where(present > 1, spread, torch.nan).sqrt())
