"""Gauss–Newton curvature of the training objective, by products.

    G w = (1/n) Σ_m J_mᵀ H_m J_m w + λ w

J_m: derivative of batch m's logits in θ (one directional pass), H_m: Hessian of the batch loss in its
logits, Jᵀ: one pullback. No Jacobian is stored. Positive semi-definite, so G + λI can be inverted.
Source: Schraudolph 2002; METHOD notes in engine/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature.inverse import IterativeInverse, absolute_damping
from engine.directional import FeatureMap, logit_cotangents, logit_tangents, logits_of
from engine.executors import passes_over


@dataclass(frozen=True)
class GaussNewton:
    """Products with the damped Gauss–Newton matrix.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentation: batches that the loss is summed over.
        damping: λ ≥ 0, added once.
    """

    feature_map: FeatureMap
    loss: ContrastiveLoss
    segmentation: BatchSegmentation
    damping: float = 0.0

    def damped(self, damping: float) -> GaussNewton:
        """The same matrix with another λ."""
        return replace(self, damping=damping)

    def matvec(self, directions: Tensor) -> Tensor:
        """G w for each row of `directions`, `[queries, parameters]`."""
        work = BatchProduct(self.loss, directions)
        (total,) = passes_over(self.feature_map).summed(work, self.segmentation.batches)
        return total / self.segmentation.num_pairs + self.damping * directions

    def draw(self, num_draws: int, like: Tensor, generator: torch.Generator) -> Tensor:
        """Random directions z ~ N(0, G): z = Σ_m J_mᵀ y_m / √n + √λ ε, y_m from the loss's `curvature_sample`.

        Args:
            num_draws: how many.
            like: a `[parameters]` tensor that gives size, dtype and device.
            generator: of the noise, on the CPU, so that every device draws the same.

        Returns:
            `[num_draws, parameters]`.
        """
        noise = torch.randn(num_draws, like.shape[-1], generator=generator, dtype=torch.float64).to(like)
        seeded = seeded_batches(self.segmentation, generator)
        (total,) = passes_over(self.feature_map).summed(BatchDraw(self.loss, num_draws), seeded)
        return total / self.segmentation.num_pairs**0.5 + self.damping**0.5 * noise


@dataclass(frozen=True)
class BatchProduct:
    """J_mᵀ H_m J_m w of one batch for each row of the directions, `[queries, parameters]`."""

    loss: ContrastiveLoss
    directions: Tensor

    def __call__(self, feature_map: FeatureMap, batch: np.ndarray) -> tuple[Tensor]:
        """Of the pairs at these positions."""
        pairs = torch.as_tensor(batch, device=self.directions.device)
        features = feature_map.features(pairs, pairs)
        tangents, pullback = feature_map.tangents_and_pullback(pairs, pairs, self.directions)
        curved = self.loss.curvature_product(logits_of(features), logit_tangents(features, tangents))
        return (pullback(logit_cotangents(features, curved)),)


@dataclass(frozen=True)
class BatchDraw:
    """J_mᵀ y_m of one batch and its seed, `[draws, parameters]`."""

    loss: ContrastiveLoss
    num_draws: int

    def __call__(self, feature_map: FeatureMap, seeded: tuple[int, np.ndarray]) -> tuple[Tensor]:
        """With noise that the seed draws on the CPU."""
        seed, batch = seeded
        pairs, generator = torch.as_tensor(batch), torch.Generator().manual_seed(seed)
        features = feature_map.features(pairs, pairs)
        size = (2, self.num_draws, len(batch), len(batch))
        noise = torch.randn(*size, generator=generator, dtype=torch.float64).to(features.text)
        sampled = self.loss.curvature_sample(logits_of(features), noise)
        return (feature_map.pullback(pairs, pairs, logit_cotangents(features, sampled)),)


def seeded_batches(segmentation: BatchSegmentation, generator: torch.Generator) -> list[tuple[int, np.ndarray]]:
    """Every batch with a seed of its own, so that what is drawn does not depend on where it is computed."""
    seeds = torch.randint(2**62, (len(segmentation.batches),), generator=generator).tolist()
    return list(zip(seeds, segmentation.batches, strict=True))


def gauss_newton_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> IterativeInverse:
    """The inverse of Gauss–Newton by conjugate gradients."""
    operator = GaussNewton(feature_map, LOSSES[config.loss], segmentation)
    damping = absolute_damping(config, operator, like)
    return IterativeInverse.of(config, operator.damped(damping), damping, like)
