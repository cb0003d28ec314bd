"""Exact Hessian of the training objective, by products.

    H w = (1/n) Σ_m [ J_mᵀ Dc(f)[J_m w] + D_w J_mᵀ c ] + λ w

f: features of batch m, J_m their derivative in θ, c = ∂L(B_m)/∂f their cotangents. The first term moves the
cotangents along the feature tangents: the Gauss–Newton term, and the bend of the logits, which are products of two
features. The second moves the pullback of the fixed c: the bend of the feature map. Both bends are weighted by the
gradient of the loss in the logits, so H is Gauss–Newton where the batch is fitted, and indefinite away from it.
Conjugate gradients stop and say so when they meet a direction of negative curvature; more damping cures it.
Cost of a product: one directional pass, one pullback and one `pullback_tangents`. Source: Pearlmutter 1994.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature.gauss_newton import GaussNewton
from engine.curvature.inverse import IterativeInverse, absolute_damping
from engine.directional import FeatureMap, Features, logit_cotangents, logit_tangents, logits_of
from engine.executors import passes_over


@dataclass(frozen=True)
class Hessian:
    """Products with the damped Hessian.

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

    def damped(self, damping: float) -> Hessian:
        """The same matrix with another λ."""
        return replace(self, damping=damping)

    def matvec(self, directions: Tensor) -> Tensor:
        """H w for each row of `directions`, `[queries, parameters]`."""
        work = BatchProduct(self.loss, directions)
        (total,) = passes_over(self.feature_map).summed(work, self.segmentation.batches)
        return total / self.segmentation.num_pairs + self.damping * directions


@dataclass(frozen=True)
class BatchProduct:
    """The two terms of one batch for each row of the directions, `[queries, parameters]`."""

    loss: ContrastiveLoss
    directions: Tensor

    def __call__(self, feature_map: FeatureMap, batch: np.ndarray) -> tuple[Tensor]:
        """Of the pairs at these positions."""
        pairs = torch.as_tensor(batch, device=self.directions.device)
        features = feature_map.features(pairs, pairs)
        slope = self.loss.logit_gradient(logits_of(features))
        tangents = feature_map.tangents(pairs, pairs, self.directions)
        curved = self.loss.curvature_product(logits_of(features), logit_tangents(features, tangents))
        product = feature_map.pullback(pairs, pairs, _moved_cotangents(features, tangents, slope, curved))
        cotangents = logit_cotangents(features, slope[None])
        return (product + feature_map.pullback_tangents(pairs, pairs, cotangents, self.directions),)


def hessian_inverse(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> IterativeInverse:
    """The Hessian's inverse by conjugate gradients.

    A relative damping is a multiple of the mean diagonal of Gauss–Newton: that of an indefinite matrix may be negative.
    """
    loss = LOSSES[config.loss]
    damping = absolute_damping(config, GaussNewton(feature_map, loss, segmentation), like)
    return IterativeInverse.of(config, Hessian(feature_map, loss, segmentation, damping), damping, like)


def _moved_cotangents(features: Features, tangents: Features, slope: Tensor, curved: Tensor) -> Features:
    """Derivative of `logit_cotangents(features, slope)` along feature tangents.

    `slope` is the loss' gradient in the logits, `[texts, images]`, and `curved` its derivative, `[queries, texts,
    images]`. The cotangents are products of slope, scale and features; each factor moves in turn.
    """
    scale = features.log_logit_scale.exp()
    moving = logit_cotangents(features, curved)
    still = logit_cotangents(features, slope[None])
    stretch = tangents.log_logit_scale[:, None, None]
    unbiased = logit_tangents(features, replace(tangents, logit_bias=torch.zeros_like(tangents.logit_bias)))
    return Features(
        text=moving.text + stretch * still.text + scale * slope @ tangents.image,
        image=moving.image + stretch * still.image + scale * slope.T @ tangents.text,
        log_logit_scale=moving.log_logit_scale + (slope * unbiased).sum((1, 2)),
        logit_bias=moving.logit_bias,
    )
