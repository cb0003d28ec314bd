"""Heads fitted in closed form: canonical correlation analysis of images and captions.

With whitened features the best linear pair of heads for matched pairs is the singular value decomposition of their
cross-covariance (Hotelling 1936):

    C_xx^(−½) C_xy C_yy^(−½) = U diag(ρ) Vᵀ        a = Uᵀ C_xx^(−½) (x − x̄),   b = Vᵀ C_yy^(−½) (y − ȳ)

Each pair counts by its weight, so a fit without the suspicious pairs is the same formula. ρ of the fitted pairs is too
large; what signals use is the correlation of pairs that were not fitted. As heads the variates are scaled by ρ²,
which lets directions speak by how much both sides agree on them. All that a fit needs of the pairs are weighted sums,
which add up over folds: one pass in chunks serves all folds. Cost: O(pairs · dim²), no iterations, O(dim²) memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from engine.objective import exact

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


@dataclass(frozen=True)
class Moments:
    """Weighted sums over some pairs, in double precision: those of disjoint sets of pairs add up to those of all."""

    weight: Tensor
    """Σ w, `[]`"""
    squared_weight: Tensor
    """Σ w², `[]`"""
    image: Tensor
    """Σ w x, `[image_dim]`"""
    text: Tensor
    """Σ w y, `[text_dim]`"""
    image_image: Tensor
    """Σ w x xᵀ, `[image_dim, image_dim]`"""
    text_text: Tensor
    """Σ w y yᵀ, `[text_dim, text_dim]`"""
    image_text: Tensor
    """Σ w x yᵀ, `[image_dim, text_dim]`"""

    @classmethod
    def of(cls, image: Tensor, text: Tensor, weights: Tensor) -> Moments:
        """Of penultimate features `[pairs, image_dim]`, `[pairs, text_dim]` with weights `[pairs]`, ≥ 0."""
        image, text, weights = exact(image), exact(text), exact(weights)
        counted_image, counted_text = weights[:, None] * image, weights[:, None] * text
        return cls(
            weights.sum(), weights.square().sum(), counted_image.sum(0), counted_text.sum(0),
            image.T @ counted_image, text.T @ counted_text, counted_image.T @ text,
        )  # fmt: skip

    def __add__(self, other: Moments) -> Moments:
        """Of both sets of pairs together."""
        return Moments(*(mine + theirs for mine, theirs in zip(_parts(self), _parts(other), strict=True)))


def fit_canonical(moments: Moments, like: Tensor) -> CanonicalHeads:
    """Fit the heads.

    Args:
        moments: of the pairs, each counted by its weight; the weights must not all be 0.
        like: gives dtype and device of the heads.

    Returns:
        As many variates as the smaller side has dimensions.
    """
    image_mean, text_mean = moments.image / moments.weight, moments.text / moments.weight
    effective = float(moments.weight.square() / moments.squared_weight)
    image_white = _inverse_root(moments.image_image / moments.weight - torch.outer(image_mean, image_mean), effective)
    text_white = _inverse_root(moments.text_text / moments.weight - torch.outer(text_mean, text_mean), effective)
    covariance = moments.image_text / moments.weight - torch.outer(image_mean, text_mean)
    left, correlations, right = torch.linalg.svd(image_white @ covariance @ text_white, full_matrices=False)
    parts = (image_mean, text_mean, (image_white @ left).T, right @ text_white)
    return CanonicalHeads(*(part.to(like) for part in (*parts, correlations.clamp(0.0, LARGEST_CORRELATION))))


def held_out_correlations(heads: CanonicalHeads, moments: Moments) -> Tensor:
    """Correlation of both sides' variates over pairs with these moments, `[variates]`, 0 to `LARGEST_CORRELATION`.

    About the means of the heads: Σ w a b / √(Σ w a² Σ w b²).
    """
    image_map, text_map = exact(heads.image_map), exact(heads.text_map)
    image_mean, text_mean = exact(heads.image_mean), exact(heads.text_mean)

    def about(sums: Tensor, first: Tensor, first_mean: Tensor, second: Tensor, second_mean: Tensor) -> Tensor:
        moved = torch.outer(first, second_mean) + torch.outer(first_mean, second)
        return sums - moved + moments.weight * torch.outer(first_mean, second_mean)

    image_image = about(moments.image_image, moments.image, image_mean, moments.image, image_mean)
    text_text = about(moments.text_text, moments.text, text_mean, moments.text, text_mean)
    image_text = about(moments.image_text, moments.image, image_mean, moments.text, text_mean)
    size = _forms(image_map, image_image, image_map) * _forms(text_map, text_text, text_map)
    size = size.clamp(min=0.0).sqrt().clamp(min=LEAST_NORM)
    found = _forms(image_map, image_text, text_map) / size
    return found.clamp(0.0, LARGEST_CORRELATION).to(heads.image_map)


def _parts(moments: Moments) -> tuple[Tensor, ...]:
    return tuple(getattr(moments, one.name) for one in fields(moments))


def _forms(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """left_k · middle · right_k for every k, `[variates]`."""
    return ((left @ middle) * right).sum(1)


def _inverse_root(covariance: Tensor, num_pairs: float) -> Tensor:
    """(C + ridge)^(−½), `[dim, dim]`; few pairs for many dimensions are shrunk more."""
    dim = len(covariance)
    mean_variance = covariance.diagonal().mean().clamp(min=LEAST_NORM)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0.0) + (RIDGE + dim / num_pairs) * mean_variance
    return (vectors * values.rsqrt()) @ vectors.T
