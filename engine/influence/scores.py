"""Influence of every training pair on several queries, by role, in one directional pass.

With w = (1/n) H⁻¹ ∇L_q the influence of removing pair k is ⟨w, ∇R_k⟩: the derivative of its removal term
along w. One directional derivative of the features serves every pair of the batch, so no gradient of a
single pair is ever formed. Sign: > 0 the pair helps the query, < 0 it hurts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss, RoleTerms
from engine.directional import FeatureMap, Features, HeadsFeatureMap, logit_tangents, logits_of
from engine.executors import opened_here, passes_over
from engine.influence.tangents import TangentsOf, directions_on_disk, tangents_in_memory, tangents_on_disk

KEPT_BYTES = 2**30
"""feature tangents that stay in memory from one segmentation to the next"""
COPIES_OF_SCORES = 8
"""arrays `[directions, pairs]` for each segmentation while scores are averaged"""
BATCHES_AT_ONCE = 16
"""batches whose scores travel together"""


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
    """⟨w, ∇R_k⟩ of every pair for every direction w under one segmentation; only one batch is in memory at a time.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentation: its batches.
        directions: w, `[queries, parameters]`.
        negative_term: "exact" or "first-order".

    Returns:
        `[queries, pairs]` by role; NaN for pairs that are in no batch.
    """
    batches = segmentation.batches
    parts = [batches[first : first + BATCHES_AT_ONCE] for first in range(0, len(batches), BATCHES_AT_ONCE)]
    found = passes_over(feature_map).mapped(BatchScores(loss, directions, negative_term), parts)
    terms = (one for of_part in found for one in of_part)
    return _placed(zip(batches, terms, strict=True), segmentation, directions)


def segmented_scores(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    directions: Tensor,
    negative_term: str = "exact",
) -> SegmentedScores:
    """`role_scores` averaged over segmentations; arguments as there. Memory is bounded by `KEPT_BYTES` and the result.

    The derivative of a pair's features does not depend on its batch: it is taken once for all pairs and segmentations,
    in chunks that no batch cuts short. It is kept in memory, for as many directions at a time as fit there; if not even
    one fits, on disk. Two cases go batch by batch, because nothing is gained by keeping it: a single segmentation that
    memory cannot hold, and heads, whose derivatives cost no more than to fetch them (2.9 s kept, 3.0 s not, for 10,000
    pairs of 128 dimensions, 32 directions and 3 segmentations on one core).
    """
    num_pairs, nobody = segmentations[0].num_pairs, torch.arange(1, device=directions.device)
    one = feature_map.features(nobody, nobody)
    bytes_each = 2 * num_pairs * one.text.numel() * one.text.element_size()
    fits = bytes_each <= KEPT_BYTES
    are_heads = isinstance(opened_here(feature_map), HeadsFeatureMap)
    if are_heads or (not fits and len(segmentations) == 1):
        bytes_of_scores = COPIES_OF_SCORES * len(segmentations) * num_pairs * directions.element_size()
        most = max(1, KEPT_BYTES // bytes_of_scores) if are_heads else len(directions)  # a pass of encoders is dear
        return _joined(
            averaged([role_scores(feature_map, loss, one, some, negative_term) for one in segmentations])
            for some in directions.split(most)
        )
    keep, most = tangents_in_memory, KEPT_BYTES // bytes_each
    if not fits:
        keep, most = tangents_on_disk, directions_on_disk(bytes_each)
    features_of = _features(feature_map, num_pairs, directions, in_memory=fits)
    blocks = []
    for some in directions.split(max(1, most)):
        of_pairs = keep(feature_map, num_pairs, some)

        def terms(batch: np.ndarray, of_pairs: TangentsOf = of_pairs) -> RoleTerms:
            pairs = torch.as_tensor(batch, device=directions.device)
            return _terms(loss, features_of(pairs), of_pairs(pairs), negative_term)

        found = [_placed(((batch, terms(batch)) for batch in one.batches), one, some) for one in segmentations]
        blocks.append(averaged(found))
    return _joined(blocks)


@dataclass(frozen=True)
class BatchScores:
    """⟨w, ∇R_k⟩ by role for the pairs of each of some batches, `[queries, pairs]` each."""

    loss: ContrastiveLoss
    directions: Tensor
    negative_term: str

    def __call__(self, feature_map: FeatureMap, batches: Sequence[np.ndarray]) -> list[RoleTerms]:
        """Of the pairs at these positions."""
        return [self._of_batch(feature_map, torch.as_tensor(one, device=self.directions.device)) for one in batches]

    def _of_batch(self, feature_map: FeatureMap, pairs: Tensor) -> RoleTerms:
        tangents = feature_map.tangents(pairs, pairs, self.directions)
        return _terms(self.loss, feature_map.features(pairs, pairs), tangents, self.negative_term)


def _terms(loss: ContrastiveLoss, features: Features, tangents: Features, negative_term: str) -> RoleTerms:
    return loss.removal_derivatives(logits_of(features), logit_tangents(features, tangents), negative_term)


def _features(feature_map: FeatureMap, num_pairs: int, like: Tensor, in_memory: bool) -> Callable[[Tensor], Features]:
    """Features of some pairs: of all at once, or asked for each time."""
    if not in_memory:
        return lambda pairs: feature_map.features(pairs, pairs)
    everyone = torch.arange(num_pairs, device=like.device)
    return feature_map.features(everyone, everyone).of_pairs


def _placed(found: Iterable[tuple[np.ndarray, RoleTerms]], segmentation: BatchSegmentation, like: Tensor) -> RoleTerms:
    """The terms of batches at the places of their pairs; NaN for pairs that are in no batch."""
    positive = like.new_full((like.shape[0], segmentation.num_pairs), float("nan"))
    negative = positive.clone()
    for batch, terms in found:
        pairs = torch.as_tensor(batch, device=like.device)
        positive[:, pairs], negative[:, pairs] = terms.positive, terms.negative
    return RoleTerms(positive, negative)


def _joined(blocks: Iterable[SegmentedScores]) -> SegmentedScores:
    """The scores for all directions, of those for some each."""
    blocks = list(blocks)
    mean = RoleTerms(torch.cat([b.mean.positive for b in blocks]), torch.cat([b.mean.negative for b in blocks]))
    return SegmentedScores(mean, torch.cat([b.std for b in blocks]))


def averaged(found: list[RoleTerms]) -> SegmentedScores:
    """The terms of every segmentation, `[queries, pairs]`, as one: NaN where a pair is in no batch."""
    positives = torch.stack([terms.positive for terms in found])
    negatives = torch.stack([terms.negative for terms in found])
    mean = RoleTerms(positives.nanmean(0), negatives.nanmean(0))
    both = positives + negatives
    present = (~both.isnan()).sum(0)
    spread = (both - mean.both).square().nansum(0) / (present - 1)  # 0/0 = NaN with one segmentation
    return SegmentedScores(mean, torch.where(present > 1, spread, torch.nan).sqrt())
