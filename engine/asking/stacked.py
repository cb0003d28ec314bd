"""Gauss–Newton products and scores along single directions, many batches of equal size stacked in one matrix product.

The mathematics is that of `engine.curvature.gauss_newton` and `engine.influence.scores`, and so are the losses; what
differs is what is done once. For single directions the time there goes into projecting rows again, fetching them batch
by batch, and logits that no direction changes. Here the heads' unit features and the curvature's logits are kept, a
matrix product takes thousands of rows, and the temperature, which is not studied, has no part in the derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss, RoleTerms
from engine.curvature import GaussNewton
from engine.directional import KeptHeadsFeatureMap, KeptRows
from engine.influence.scores import SegmentedScores, averaged

ROWS = 4096
"""pairs stacked at most, beside one batch"""


@dataclass(frozen=True)
class Stack:
    """Some batches of N pairs each: their unit features, batch after batch, and logits."""

    text: Tensor
    """`[rows, embed_dim]`"""
    image: Tensor
    """`[rows, embed_dim]`"""
    shape: tuple[int, int]
    """batches, N"""
    logits: Tensor
    """`[batches, texts, images]`"""

    def tangents(self, text: Tensor, image: Tensor, scale: Tensor) -> Tensor:
        """DS of feature tangents `[rows, embed_dim]`, `[batches, texts, images]`."""
        moved = torch.bmm(self._batched(text), self._batched(self.image).mT)
        return moved.baddbmm_(self._batched(self.text), self._batched(image).mT).mul_(scale)

    def cotangents(self, logits: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Transpose of `tangents`: both towers' feature cotangents, `[rows, embed_dim]`."""
        logits = logits * scale
        text = torch.bmm(logits, self._batched(self.image))
        return text.flatten(0, 1), torch.bmm(logits.mT, self._batched(self.text)).flatten(0, 1)

    def _batched(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, self.shape)


@dataclass(frozen=True)
class StackedGaussNewton:
    """The operator of a `GaussNewton` on kept heads. Build it with `of`."""

    plain: GaussNewton
    scale: Tensor
    """multiplier of the similarities"""
    stacks: tuple[tuple[Stack, KeptRows, KeptRows], ...]
    """with the rows of both towers"""

    @classmethod
    def of(cls, plain: GaussNewton) -> StackedGaussNewton:
        """The same operator on kept heads whose temperature is not studied, stacked."""
        kept: KeptHeadsFeatureMap = plain.feature_map
        stacks = []
        for batches in _stacked(plain.segmentation):
            text, image = kept.text.of(batches.flatten()), kept.image.of(batches.flatten())
            stacks.append((_stack(kept, text.unit, image.unit, batches), text, image))
        return cls(plain, kept.plain.heads.log_logit_scale.exp(), tuple(stacks))

    def matvec(self, directions: Tensor) -> Tensor:
        """G w for each row of `directions`, `[queries, parameters]`."""
        return torch.cat([self._product(direction) for direction in directions.split(1)])

    def _product(self, direction: Tensor) -> Tensor:
        subset, product = self.plain.feature_map.subset, vmap(self.plain.loss.curvature_product)
        parts = {name: part[0] for name, part in subset.unflatten(direction).items()}
        total = {name: torch.zeros_like(part) for name, part in parts.items()}
        for stack, text, image in self.stacks:
            moved_text, moved_image = (
                text.tangents_of_all(parts["text_head"]),
                image.tangents_of_all(parts["image_head"]),
            )
            moved = stack.tangents(moved_text, moved_image, self.scale)
            of_text, of_image = stack.cotangents(product(stack.logits, moved[:, None])[:, 0], self.scale)
            text.add_pullback_of_all(of_text, total["text_head"])
            image.add_pullback_of_all(of_image, total["image_head"])
        flat = subset.flatten({name: part[None] for name, part in total.items()})
        return flat / self.plain.segmentation.num_pairs + self.plain.damping * direction


def stacked_scores(
    kept: KeptHeadsFeatureMap,
    loss: ContrastiveLoss,
    segmentations: Sequence[BatchSegmentation],
    direction: Tensor,
    negative_term: str,
) -> SegmentedScores:
    """`engine.influence.scores.segmented_scores` along one direction `[1, parameters]`; the temperature not studied."""
    scale = kept.plain.heads.log_logit_scale.exp()
    everyone = torch.arange(segmentations[0].num_pairs, device=direction.device)
    tangents, found = kept.tangents(everyone, everyone, direction), []
    for one in segmentations:
        roles = direction.new_full((2, 1, one.num_pairs), float("nan"))
        for batches in _stacked(one):
            pairs = batches.flatten()
            stack = _stack(kept, kept.text.unit[pairs], kept.image.unit[pairs], batches)
            moved = stack.tangents(tangents.text[0, pairs], tangents.image[0, pairs], scale)
            terms = [
                loss.removal_derivatives(logits, one_moved[None], negative_term)
                for logits, one_moved in zip(stack.logits, moved, strict=True)  # vmap knows no scatter: it is slower
            ]
            roles[0][:, pairs] = torch.cat([one.positive for one in terms], 1)
            roles[1][:, pairs] = torch.cat([one.negative for one in terms], 1)
        found.append(RoleTerms(*roles))
    return averaged(found)


def _stacked(segmentation: BatchSegmentation) -> list[Tensor]:
    """The pairs of some batches of equal size each, `[batches, N]`; about `ROWS` of them together."""
    by_size: dict[int, list[np.ndarray]] = {}
    for batch in segmentation.batches:
        by_size.setdefault(len(batch), []).append(batch)
    return [
        part
        for size, batches in by_size.items()
        for part in torch.from_numpy(np.stack(batches)).split(max(1, ROWS // size))
    ]


def _stack(kept: KeptHeadsFeatureMap, text: Tensor, image: Tensor, batches: Tensor) -> Stack:
    """Of the unit features of these batches, batch after batch."""
    shape, nobody = tuple(batches.shape), batches.flatten()[:0]
    features = kept.features(nobody, nobody)
    similarity = torch.bmm(text.unflatten(0, shape), image.unflatten(0, shape).mT)
    return Stack(text, image, shape, similarity.mul_(features.log_logit_scale.exp()).add_(features.logit_bias))
