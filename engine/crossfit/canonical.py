"""Heads fitted in closed form: canonical correlation analysis of images and captions.

With whitened features the best linear pair of heads for matched pairs is the singular value decomposition of their
cross-covariance (Hotelling 1936):

    C_xx^(−½) C_xy C_yy^(−½) = U diag(ρ) Vᵀ        a = Uᵀ C_xx^(−½) (x − x̄),   b = Vᵀ C_yy^(−½) (y − ȳ)

Each pair counts by its weight, so a fit without the suspicious pairs is the same formula. ρ of the fitted pairs is too
large; what signals use is the correlation of pairs that were not fitted. As heads the variates are scaled by ρ²,
which lets directions speak by how much both sides agree on them. Cost: O(pairs · dim²), one pass, no iterations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

HEAD_POWER = 2.0
"""heads are variates × ρ to this power"""
RIDGE = 0.1
"""added to the covariances, relative to their mean variance, beside dim/pairs"""
LARGEST_CORRELATION = 0.98
LEAST_NORM = 1e-12


@dataclass(frozen=True)
class CanonicalHeads:
    """Linear maps to the variates of both sides."""

    image_mean: Tensor
    """`[image_dim]`"""
    text_mean: Tensor
    """`[text_dim]`"""
    image_map: Tensor
    """`[variates, image_dim]`"""
    text_map: Tensor
    """`[variates, text_dim]`"""
    fitted_correlations: Tensor
    """of the fitted pairs, `[variates]`, falling"""

    def image_variates(self, image: Tensor) -> Tensor:
        """A of penultimate image features `[pairs, image_dim]`: `[pairs, variates]`."""
        return (image - self.image_mean) @ self.image_map.T

    def text_variates(self, text: Tensor) -> Tensor:
        """B of penultimate text features `[pairs, text_dim]`: `[pairs, variates]`."""
        return (text - self.text_mean) @ self.text_map.T

    @property
    def head_scale(self) -> Tensor:
        """What variates are multiplied by to be the outputs of heads, `[variates]`."""
        return self.fitted_correlations**HEAD_POWER


def fit_canonical(image: Tensor, text: Tensor, weights: Tensor) -> CanonicalHeads:
    """Fit the heads.

    Args:
        image: penultimate image features, `[pairs, image_dim]`.
        text: penultimate text features of the pairs' captions, `[pairs, text_dim]`.
        weights: how much each pair counts, `[pairs]`, ≥ 0; if all are 0, pairs count alike.

    Returns:
        As many variates as the smaller side has dimensions.
    """
    if not weights.any():  # where everything is suspect, nothing can be left out
        weights = torch.ones_like(weights)
    share = (weights / weights.sum())[:, None]
    image_mean, text_mean = (share * image).sum(0), (share * text).sum(0)
    image, text = image - image_mean, text - text_mean
    effective = float(weights.sum().square() / weights.square().sum())
    image_white = _inverse_root(image.T @ (share * image), effective)
    text_white = _inverse_root(text.T @ (share * text), effective)
    left, correlations, right = torch.linalg.svd(
        image_white @ (image.T @ (share * text)) @ text_white, full_matrices=False
    )
    return CanonicalHeads(
        image_mean, text_mean, (image_white @ left).T, right @ text_white, correlations.clamp(0.0, LARGEST_CORRELATION)
    )


def weighted_correlations(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Correlation of each column of two centred tables, `[variates]`, from 0 to `LARGEST_CORRELATION`."""
    weights = weights[:, None]
    size = ((weights * first.square()).sum(0) * (weights * second.square()).sum(0)).sqrt()
    return ((weights * first * second).sum(0) / size.clamp(min=LEAST_NORM)).clamp(0.0, LARGEST_CORRELATION)


def _inverse_root(covariance: Tensor, num_pairs: float) -> Tensor:
    """(C + ridge)^(−½), `[dim, dim]`; few pairs for many dimensions are shrunk more."""
    dim = len(covariance)
    mean_variance = covariance.diagonal().mean().clamp(min=LEAST_NORM)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0.0) + (RIDGE + dim / num_pairs) * mean_variance
    return (vectors * values.rsqrt()) @ vectors.T
