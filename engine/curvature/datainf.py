"""DataInf: the inverse curvature of each parameter tensor as a mean of inverses of rank one (Kwon et al. 2024).

    H_l⁻¹ v ≈ (1/n) Σ_i (λ_l I + g_i g_iᵀ)⁻¹ v = (1/(n λ_l)) Σ_i [v − (g_i·v) / (λ_l + ‖g_i‖²) g_i]

l: a parameter tensor, i: one of the n pairs in the batches, g_i: gradient in tensor l of the loss of pair i within its
batch, so g_i depends on the features of every pair there. λ_l is the damping: 0.1 × mean of g² over pairs and entries
(the reference code's choice), or what the configuration gives. It is an approximation twice over: g gᵀ stands for the
curvature, and the mean of inverses for the inverse of the mean, which is good only while ‖g_i‖² is small beside λ_l.

No n × p gradients are stored. ‖g_i‖² and λ_l are computed once, a few pairs at a time: from N pullbacks for a batch of
N pairs, or from what the feature map knows of their norms. A solve serves all right-hand sides in one pass over the
batches, each batch by the cheaper of two ways:

- pair by pair: one pullback per pair gives g_i for every tensor; costs N pullbacks for N pairs;
- by blocks: the g_i·v of all pairs are one directional pass along v restricted to a tensor (dl_i along it), and
  Σ_i c_i g_i is one pullback of Σ_i c_i ∂l_i/∂S; costs tensors × queries directional passes and as many pullbacks.

A directional pass and a pullback cost about one pass of the model each. Two heads and one query: 4 passes instead of
N = 128. A hundred LoRA tensors: pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature.solve import Solution
from engine.curvature.tensors import blocks, rows_at_once, sizes
from engine.directional import (
    FeatureMap,
    Features,
    KnowsPullbackNorms,
    logit_cotangents,
    logit_tangents,
    logits_of,
)
from engine.errors import SolveError
from engine.executors import passes_over

ROUNDING = 100
"""a tensor whose gradients are this many roundings of the largest is taken to have none (a bias that cancels)"""


@dataclass(frozen=True)
class DataInf:
    """The inverse curvature of DataInf, tensor by tensor. Build it with `datainf_inverse`."""

    feature_map: FeatureMap
    loss: ContrastiveLoss
    segmentation: BatchSegmentation
    dampings: Tensor
    """λ_l, `[tensors]`"""
    damping: float
    """λ_l, averaged over the parameters"""
    squared_norms: tuple[Tensor, ...]
    """‖g_i‖² for each batch, `[pairs, tensors]`"""
    by_blocks: bool | None = None
    """the way of every solve; None takes the cheaper one for each batch"""

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g for each row of `gradients`, `[queries, parameters]`, exact for the matrix of the formula.

        Raises:
            SolveError: if a gradient is not finite.
        """
        work = BatchShares(self.loss, self.dampings, gradients, self.by_blocks)
        parts = list(zip(self.segmentation.batches, self.squared_norms, strict=True))
        (taken,) = passes_over(self.feature_map).summed(work, parts)
        dampings = _per_parameter(self.feature_map, self.dampings)
        return Solution.closed_form((gradients - taken / self.segmentation.num_pairs) / dampings, gradients)


@dataclass(frozen=True)
class BatchShares:
    """Σ_i (g_i·v) / (λ_l + ‖g_i‖²) g_i over the pairs of one batch, for each row of v; `[queries, parameters]`."""

    loss: ContrastiveLoss
    dampings: Tensor
    gradients: Tensor
    """v"""
    by_blocks: bool | None

    def __call__(self, feature_map: FeatureMap, part: tuple[np.ndarray, Tensor]) -> tuple[Tensor]:
        """Of the pairs at these positions with these ‖g_i‖², `[pairs, tensors]`; by the cheaper way."""
        batch, norms = part
        pairs = torch.as_tensor(batch, device=self.gradients.device)
        weights = 1 / (self.dampings + norms.to(self.dampings))
        passes = 2 * len(self.dampings) * len(self.gradients)
        cheaper = passes < len(pairs) if self.by_blocks is None else self.by_blocks
        return ((self._by_blocks if cheaper else self._pairwise)(feature_map, pairs, weights),)

    def _pairwise(self, feature_map: FeatureMap, pairs: Tensor, weights: Tensor) -> Tensor:
        """From gradients of a few pairs."""
        gradients, total = self.gradients, torch.zeros_like(self.gradients)
        for first, of_pairs in pair_gradients(feature_map, self.loss, pairs, gradients.shape[1]):
            for number, block in enumerate(blocks(feature_map.subset)):
                weight = weights[first : first + len(of_pairs), number]
                shares = gradients[:, block] @ of_pairs[:, block].T * weight
                total[:, block] += shares @ of_pairs[:, block]
        return total

    def _by_blocks(self, feature_map: FeatureMap, pairs: Tensor, weights: Tensor) -> Tensor:
        """From directions that move one tensor each."""
        gradients, features = self.gradients, feature_map.features(pairs, pairs)
        logits = logits_of(features)
        total, tensors = torch.zeros_like(gradients), blocks(feature_map.subset)
        for numbers in torch.arange(len(tensors)).split(rows_at_once(gradients.numel())):
            directions = gradients.new_zeros(len(numbers), *gradients.shape)
            for row, number in enumerate(numbers):
                directions[row][:, tensors[number]] = gradients[:, tensors[number]]
            tangents = feature_map.tangents(pairs, pairs, directions.flatten(0, 1))
            slopes = _loss_slopes(self.loss, logits, logit_tangents(features, tangents))
            shares = slopes * weights.T[numbers].repeat_interleave(len(gradients), 0)
            cotangents = logit_cotangents(features, _loss_cotangents(self.loss, logits, shares))
            pulled = feature_map.pullback(pairs, pairs, cotangents).reshape(directions.shape)
            for row, number in enumerate(numbers):
                total[:, tensors[number]] += pulled[row][:, tensors[number]]
        return total


@dataclass(frozen=True)
class BatchNorms:
    """‖g_i‖² of the pairs of one batch, `[pairs, tensors]`."""

    loss: ContrastiveLoss

    def __call__(self, feature_map: FeatureMap, batch: np.ndarray) -> Tensor:
        """Of the pairs at these positions."""
        if isinstance(feature_map, KnowsPullbackNorms):
            pairs = torch.as_tensor(batch)
            cotangents = _pair_cotangents(feature_map, self.loss, pairs)
            return torch.cat([feature_map.squared_pullback_norms(pairs, pairs, one) for _, one in cotangents])
        pairs, tensors = torch.as_tensor(batch), blocks(feature_map.subset)
        return torch.cat(
            [
                torch.stack([torch.linalg.vector_norm(of_pairs[:, block], dim=1).square() for block in tensors], 1)
                for _, of_pairs in pair_gradients(feature_map, self.loss, pairs, feature_map.subset.num_parameters)
            ]
        )


def datainf_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> DataInf:
    """DataInf with its norms and dampings; costs one pullback per pair, less where the map knows their norms.

    Raises:
        SolveError: if a tensor gets no gradient from any pair and no absolute damping is given.
    """
    loss = LOSSES[config.loss]
    squared_norms = list(passes_over(feature_map).mapped(BatchNorms(loss), segmentation.batches))
    damping, num_entries = config.damping, like.new_tensor(sizes(feature_map.subset))
    if damping is not None:
        dampings = torch.full_like(num_entries, damping)
    else:
        mean_square = torch.cat(squared_norms).mean(0) / num_entries
        _check_gradients(feature_map, mean_square)
        dampings = config.relative_damping_in_force * mean_square
        damping = float((dampings * num_entries).sum() / num_entries.sum())
    return DataInf(feature_map, loss, segmentation, dampings, damping, tuple(squared_norms))


def pair_gradients(
    feature_map: FeatureMap, loss: ContrastiveLoss, pairs: Tensor, num_parameters: int
) -> Iterator[tuple[int, Tensor]]:
    """Gradients of the losses of the pairs of one batch, a few at a time.

    Yields:
        The place in the batch of the first of these pairs, and their gradients, `[some pairs, parameters]`.
    """
    for first, cotangents in _pair_cotangents(feature_map, loss, pairs, num_parameters):
        yield first, feature_map.pullback(pairs, pairs, cotangents)


def _pair_cotangents(
    feature_map: FeatureMap, loss: ContrastiveLoss, pairs: Tensor, num_parameters: int = 0
) -> Iterator[tuple[int, Features]]:
    """The place of the first of a few pairs, and the feature cotangents of their losses."""
    features = feature_map.features(pairs, pairs)
    logits = logits_of(features)
    entries = max(num_parameters, logits.numel(), features.text.numel())
    for own in torch.arange(len(pairs), device=pairs.device).split(rows_at_once(entries)):
        weights = torch.nn.functional.one_hot(own, len(pairs)).to(logits)
        yield int(own[0]), logit_cotangents(features, _loss_cotangents(loss, logits, weights))


def _loss_cotangents(loss: ContrastiveLoss, logits: Tensor, weights: Tensor) -> Tensor:
    """Σ_i w_i ∂l_i/∂S for each row of `weights` `[rows, pairs]`: `[rows, texts, images]`."""
    _, pull = torch.func.vjp(loss.pair_losses, logits)
    return torch.vmap(lambda weight: pull(weight)[0])(weights)


def _loss_slopes(loss: ContrastiveLoss, logits: Tensor, tangents: Tensor) -> Tensor:
    """dl_i along each logit tangent `[rows, texts, images]`: `[rows, pairs]`."""
    return torch.vmap(lambda tangent: torch.func.jvp(loss.pair_losses, (logits,), (tangent,))[1])(tangents)


def _check_gradients(feature_map: FeatureMap, mean_square: Tensor) -> None:
    least = (ROUNDING * torch.finfo(mean_square.dtype).eps) ** 2 * mean_square.max()
    without = [name for name, one in zip(feature_map.subset.shapes, mean_square, strict=True) if one <= least]
    if without:
        raise SolveError(
            "every studied tensor to get a gradient from some pair's loss, because the damping of DataInf follows it",
            f"gradients of 0 for {', '.join(without[:3])}{' …' if len(without) > 3 else ''}",
            "Study fewer parameters, or give an absolute --damping.",
        )


def _per_parameter(feature_map: FeatureMap, per_tensor: Tensor) -> Tensor:
    """`[parameters]` from one value per tensor."""
    return per_tensor.repeat_interleave(torch.tensor(sizes(feature_map.subset), device=per_tensor.device))
