"""Gauss–Newton curvature of the training objective, by products.

    G w = (1/n) Σ_m J_mᵀ H_m J_m w + λ w

J_m: derivative of batch m's logits in θ (one directional pass), H_m: Hessian of the batch loss in its
logits, Jᵀ: one pullback. No Jacobian is stored. Positive semi-definite, so G + λI can be inverted.
Source: Schraudolph 2002; METHOD notes in engine/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature.inverse import IterativeInverse, absolute_damping
from engine.directional import FeatureMap, logit_cotangents, logit_tangents, logits_of


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
        total = torch.zeros_like(directions)
        for batch in self.segmentation.batches:
            pairs = torch.as_tensor(batch, device=directions.device)
            features = self.feature_map.features(pairs, pairs)
            tangents, pullback = self.feature_map.tangents_and_pullback(pairs, pairs, directions)
            curved = self.loss.curvature_product(logits_of(features), logit_tangents(features, tangents))
            total += pullback(logit_cotangents(features, curved))
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

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64).to(like)

        total = like.new_zeros(num_draws, like.shape[-1])
        for batch in self.segmentation.batches:
            pairs = torch.as_tensor(batch, device=like.device)
            features = self.feature_map.features(pairs, pairs)
            sampled = self.loss.curvature_sample(logits_of(features), normal(2, num_draws, len(batch), len(batch)))
            total += self.feature_map.pullback(pairs, pairs, logit_cotangents(features, sampled))
        return total / self.segmentation.num_pairs**0.5 + self.damping**0.5 * normal(num_draws, like.shape[-1])


def gauss_newton_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> IterativeInverse:
    """The inverse of Gauss–Newton by conjugate gradients."""
    operator = GaussNewton(feature_map, LOSSES[config.loss], segmentation)
    damping = absolute_damping(config, operator, like)
    return IterativeInverse.of(config, operator.damped(damping), damping, like)
