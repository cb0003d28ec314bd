"""Whom a pair disturbs as a negative: its negative role, told apart by the pair whose loss it raises.

The negative part of the removal term is a sum over the other pairs k of the batch, of l_k(B) − l_k(B without n): what n
adds to the loss of k by being its wrong answer (`ContrastiveLoss.disturbance_derivatives`). Its derivative along
w = (1/n) H⁻¹ ∇L_q is the part of influence_negative(q, n) that goes through k. Sign: > 0, that part helps the query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, Features, HeadsFeatureMap, logit_tangents, logits_of
from engine.executors import opened_here

Parts = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Disturbances:
    """For each pair the others that it disturbs most, the largest effect first."""

    others: Tensor
    """positions of the other pairs, `[pairs, kept]`; −1 where there are no more"""
    influence: Tensor
    """part of the pair's influence_negative, `[pairs, kept]`, nats; 0 where there are no more"""


def disturbances(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    direction: Tensor,
    num_kept: int,
    negative_term: str = "exact",
) -> Disturbances:
    """Whom each pair disturbs, averaged over the segmentations that the pair is in.

    All others together sum to the pair's `segmented_scores(…).mean.negative`. One directional pass over all pairs, or
    with heads over a batch whenever it is looked at; the batches are gone through twice: to find the largest parts in
    each segmentation, and to average these over all.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentations: batches to average over.
        direction: w, `[1, parameters]`.
        num_kept: other pairs kept for each pair.
        negative_term: "exact" or "first-order".
    """
    num_pairs = segmentations[0].num_pairs
    everyone = torch.arange(num_pairs, device=direction.device)
    of_pairs = _of_pairs(feature_map, direction, everyone)

    def parts(segmentation: BatchSegmentation) -> Parts:
        """Pairs of each batch, and what they do to each other, `[negatives, anchors]`."""
        for batch in segmentation.batches:
            pairs = torch.as_tensor(batch, device=direction.device)
            some, tangents = of_pairs(pairs)
            moved = logit_tangents(some, tangents)
            yield pairs, loss.disturbance_derivatives(logits_of(some), moved, negative_term)[0]

    candidates = _candidates([parts(one) for one in segmentations], everyone, num_kept)
    influence = _averaged([parts(one) for one in segmentations], candidates, direction)
    order = influence.abs().argsort(dim=1, descending=True, stable=True)[:, :num_kept]
    kept = influence.gather(1, order)
    return Disturbances(candidates.gather(1, order).where(kept != 0, -1), kept)


def _of_pairs(
    feature_map: FeatureMap, direction: Tensor, everyone: Tensor
) -> Callable[[Tensor], tuple[Features, Features]]:
    """Features of some pairs and their tangents."""
    if isinstance(opened_here(feature_map), HeadsFeatureMap):
        return lambda pairs: (feature_map.features(pairs, pairs), feature_map.tangents(pairs, pairs, direction))
    features = feature_map.features(everyone, everyone)
    tangents = feature_map.tangents(everyone, everyone, direction)
    return lambda pairs: (features.of_pairs(pairs), tangents.of_pairs(pairs))


def _candidates(segmentations: list[Parts], everyone: Tensor, num_kept: int) -> Tensor:
    """Positions of the largest parts of each segmentation, once each, `[pairs, kept · segmentations]`; −1 for none."""
    found = torch.full((len(everyone), num_kept * len(segmentations)), -1, device=everyone.device)
    for number, segmentation in enumerate(segmentations):
        for pairs, part in segmentation:
            top = part.abs().topk(min(num_kept, len(pairs))).indices
            first = number * num_kept
            found[pairs, first : first + top.shape[1]] = pairs[top]
    found = found.sort(1).values
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
    return found


def _averaged(segmentations: list[Parts], candidates: Tensor, like: Tensor) -> Tensor:
    """The parts of the candidates, averaged over the segmentations that a pair is in; a part is 0 in other batches."""
    sums = like.new_zeros(candidates.shape)
    present = like.new_zeros(len(candidates), 1)
    place = candidates.new_full((len(candidates),), -1)
    for segmentation in segmentations:
        for pairs, part in segmentation:
            place[pairs] = torch.arange(len(pairs), device=pairs.device)
            wanted = candidates[pairs]
            at = torch.where(wanted >= 0, place[wanted], -1)
            sums[pairs] += torch.where(at >= 0, part.gather(1, at.clamp(min=0)), 0.0)
            present[pairs] += 1
            place[pairs] = -1
    return sums / present.clamp(min=1)
