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
            moved = logit_tangents(features, self.feature_map.tangents(pairs, pairs, directions))
            curved = self.loss.curvature_product(logits_of(features), moved)
            total += self.feature_map.pullback(pairs, pairs, logit_cotangents(features, curved))
        return total / self.segmentation.num_pairs + self.damping * directions


def gauss_newton_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> IterativeInverse:
    """The inverse of Gauss–Newton by conjugate gradients."""
    operator = GaussNewton(feature_map, LOSSES[config.loss], segmentation)
    damping = absolute_damping(config, operator, like)
    return IterativeInverse.of(config, operator.damped(damping), damping, like)
