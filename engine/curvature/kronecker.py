"""A Kronecker-factored preconditioner for conjugate gradients, fitted from random samples of the curvature.

For every studied matrix W `[rows, columns]` the damped curvature is approximated by

    B ⊗ A / c + λI,      A = E[MᵀM],   B = E[MMᵀ],   c = E[‖M‖²]

where M are random gradients of W whose covariance is the Gauss–Newton matrix. Its inverse is two
eigendecompositions. It changes how many iterations a solve takes, never what it converges to.
Source: Kronecker factors as in Gupta et al. 2018 (Shampoo) and Martens and Grosse 2015 (K-FAC).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.curvature.gauss_newton import GaussNewton
from engine.directional import logit_cotangents, logits_of
from engine.parameters import ParameterSubset

NUM_SAMPLES = 8


@dataclass(frozen=True)
class _Factors:
    """Eigenvectors of B `[rows, rows]` and of A `[columns, columns]`, and the eigenvalues `[rows, columns]`."""

    left: Tensor
    right: Tensor
    values: Tensor


@dataclass(frozen=True)
class KroneckerPreconditioner:
    """Approximate inverse of a damped Gauss–Newton matrix; symmetric positive definite."""

    subset: ParameterSubset
    factors: dict[str, _Factors]
    damping: float

    @classmethod
    def fit(
        cls, operator: GaussNewton, like: Tensor, num_samples: int = NUM_SAMPLES, seed: int = 0
    ) -> KroneckerPreconditioner:
        """Fit the factors from `num_samples` random gradients of every batch.

        Args:
            operator: the Gauss–Newton matrix with its damping.
            like: `[parameters]`, gives dtype and device.
            num_samples: random gradients per batch.
            seed: of the samples.
        """
        generator = torch.Generator().manual_seed(seed)
        feature_map, subset = operator.feature_map, operator.feature_map.subset
        left: dict[str, Tensor] = {}
        right: dict[str, Tensor] = {}
        for batch in operator.segmentation.batches:
            pairs = torch.as_tensor(batch, device=like.device)
            features = feature_map.features(pairs, pairs)
            samples = operator.loss.curvature_samples(logits_of(features), num_samples, generator)
            gradients = feature_map.pullback(pairs, pairs, logit_cotangents(features, samples))
            for name, part in subset.unflatten(gradients).items():
                matrix = part.reshape(num_samples, part.shape[1] if part.dim() > 2 else 1, -1)
                left[name] = left.get(name, 0) + torch.einsum("qij,qkj->ik", matrix, matrix)
                right[name] = right.get(name, 0) + torch.einsum("qij,qik->jk", matrix, matrix)
        scale = num_samples * operator.segmentation.num_pairs
        factors = {name: _factors(left[name] / scale, right[name] / scale) for name in subset.shapes}
        return cls(subset, factors, operator.damping)

    def __call__(self, residuals: Tensor) -> Tensor:
        """The approximate inverse applied to each row, `[queries, parameters]`."""
        parts = {}
        for name, part in self.subset.unflatten(residuals).items():
            one = self.factors[name]
            matrix = part.reshape(part.shape[0], *one.values.shape)
            turned = one.left.T @ matrix @ one.right / (one.values + self.damping)
            parts[name] = one.left @ turned @ one.right.T
        return self.subset.flatten(parts)


def _factors(left: Tensor, right: Tensor) -> _Factors:
    left_values, left_vectors = torch.linalg.eigh(left)
    right_values, right_vectors = torch.linalg.eigh(right)
    trace = left_values.sum().clamp(min=torch.finfo(left.dtype).tiny)
    values = left_values.clamp(min=0)[:, None] * right_values.clamp(min=0)[None, :] / trace
    return _Factors(left_vectors, right_vectors, values)
