"""What a pair does to its own removal term: how much of its own fit the model owes to having seen it.

    self-influence(k) = ∇R_k · Δθ(k) = (1/n) ∇R_k · H⁻¹ ∇R_k      [nats; ≥ 0 for a positive definite H]

By how much R_k, all that pair k adds to its batch, rises when k is removed. Large values: learned by heart.
One number per pair would need one solve per pair; r random sketches z serve all pairs at once:

    Gauss–Newton   z ~ N(0, H)    ∇R·H⁻¹∇R = mean of ⟨H⁻¹z, ∇R⟩²             relative error √(2/r)
    any other H    z ~ N(0, I)    ∇R·H⁻¹∇R = mean of ⟨z, ∇R⟩ ⟨H⁻¹z, ∇R⟩     wider, more so the worse H is conditioned

The first needs H as a sum of squares, which only Gauss–Newton offers; for H = I both are the same. The second takes
any symmetric H⁻¹ and may come out below 0 where its error is large. Both are right on average.
Sources: Feldman and Zhang 2020 (memorisation); the sketches are Hutchinson's estimator pair by pair.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.curvature import InverseCurvature, Solution, gauss_newton_of
from engine.directional import FeatureMap
from engine.influence.estimate import Estimate
from engine.influence.scores import segmented_scores


def self_influence(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentations: list[BatchSegmentation],
    inverse: InverseCurvature,
    num_sketches: int,
    seed: int,
    like: Tensor,
    negative_term: str = "exact",
) -> tuple[Estimate, Solution]:
    """Estimated (1/n) ∇R_k·H⁻¹∇R_k of every pair, ∇R_k averaged over segmentations.

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
        `[pairs]` with standard errors, nats; and the solve behind it.
    """
    generator = torch.Generator().manual_seed(seed)

    def along(directions: Tensor) -> Tensor:
        return segmented_scores(feature_map, loss, segmentations, directions, negative_term).mean.both

    gauss_newton = gauss_newton_of(inverse)
    if gauss_newton is not None:
        solution = inverse.solve(gauss_newton.draw(num_sketches, like, generator))
        draws = along(solution.values).square()
    else:
        sketches = torch.randn(num_sketches, like.shape[-1], generator=generator, dtype=torch.float64).to(like)
        solution = inverse.solve(sketches)
        draws = along(sketches) * along(solution.values)
    return Estimate.mean(draws) / segmentations[0].num_pairs, solution
