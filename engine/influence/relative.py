"""How far the removal of each pair would move the parameters: the denominator of relative influence.

    relative influence(q, k) = influence(q, k) / ‖Δθ(k)‖,   ‖n Δθ(k)‖² ≈ mean_r ⟨H⁻¹ z_r, ∇R_k⟩²,  z_r ~ N(0, I)

r solves and one directional pass over r directions serve every pair. The relative standard deviation of
the norm is about 1/√(2r): .13 at r = 32; the spread over the directions gives each pair its standard error.
Source: Barshan et al. 2020 (RelatIF, θ-form).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.curvature import InverseCurvature, Solution
from engine.directional import FeatureMap
from engine.influence.estimate import Estimate
from engine.influence.scores import segmented_scores


def parameter_changes(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    inverse: InverseCurvature,
    num_sketches: int,
    seed: int,
    like: Tensor,
    negative_term: str = "exact",
) -> tuple[Estimate, Solution]:
    """Estimated ‖Δθ(k)‖ of every pair, averaged over segmentations inside the norm.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentations: batches to average over.
        inverse: the inverse curvature.
        num_sketches: random directions r.
        seed: of the directions.
        like: `[parameters]`, gives dtype and device.
        negative_term: "exact" or "first-order".

    Returns:
        `[pairs]` with standard errors, in units of the parameters, 1/n included; and the solve behind it.
    """
    generator = torch.Generator().manual_seed(seed)
    sketches = torch.randn(num_sketches, like.shape[-1], generator=generator, dtype=torch.float64).to(like)
    solution = inverse.solve(sketches)
    scores = segmented_scores(feature_map, loss, segmentations, solution.values, negative_term)
    return Estimate.mean(scores.mean.both.square()).sqrt() / segmentations[0].num_pairs, solution


def relative_influence(influence: Tensor, changes: Tensor) -> Tensor:
    """Influence per unit of parameter change, `[..., pairs]`; 0 where removing the pair changes nothing."""
    return torch.where(changes == 0, 0.0, influence / changes)
