"""Kronecker-factored eigenbasis with corrected eigenvalues (EK-FAC; George et al. 2018), without hooks on layers.

For every batch m, pseudo-gradients G = J_mᵀ y are drawn, with logit cotangents y whose covariance is the Hessian of the
batch loss in its logits. E[G Gᵀ] over the flat vector is then exactly the Gauss–Newton matrix of that batch, whatever
the layer is: fused attention, LoRA factors, convolutions (reshaped to rows × the rest). For each tensor, with G as a
matrix,

    L = Σ_m E[G Gᵀ] = U_L · U_Lᵀ      R = Σ_m E[Gᵀ G] = U_R · U_Rᵀ      Λ = (1/n) Σ_m E[(U_Lᵀ G U_R)²]
    H⁻¹ V ≈ U_L [ (U_Lᵀ V U_R) / (Λ + λ) ] U_Rᵀ

Λ is the diagonal of Gauss–Newton in that basis. It is taken from draws that the basis has not seen: from the same ones
it would be too large along the directions that happened to be drawn large. Vectors and scalars keep their own axes.
An approximation: tensors do not see each other, and a tensor's block is diagonal in a product basis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature.gauss_newton import seeded_batches
from engine.curvature.solve import Solution, check_finite
from engine.curvature.tensors import rows_at_once
from engine.directional import FeatureMap, logit_cotangents, logits_of
from engine.errors import SolveError
from engine.executors import Passes, passes_over
from engine.parameters import ParameterSubset

DRAWS_PER_BATCH = 8
"""pseudo-gradients per batch and pass. An eigenvalue has a relative standard deviation of about √(2 / draws in all),
10 % from 25 batches on; the cost, 16 pullbacks a batch, is about that of eight products with Gauss–Newton."""
LARGEST_SIDE = 4096
"""a side of a matrix longer than this (a vocabulary) keeps its own axes: its eigenbasis costs minutes and gigabytes"""


@dataclass(frozen=True)
class Eigenbasis:
    """Orthogonal axes for the rows and columns of one tensor; None keeps the axes as they are."""

    shape: tuple[int, int]
    rows: Tensor | None
    columns: Tensor | None

    def rotate(self, values: Tensor) -> Tensor:
        """U_Lᵀ V U_R, `[queries, rows, columns]` from `[queries, *shape]`."""
        values = values.reshape(-1, *self.shape)
        values = values if self.rows is None else self.rows.T @ values
        return values if self.columns is None else values @ self.columns

    def rotate_back(self, values: Tensor) -> Tensor:
        """U_L V U_Rᵀ, `[queries, rows, columns]`."""
        values = values if self.rows is None else self.rows @ values
        return values if self.columns is None else values @ self.columns.T


@dataclass(frozen=True)
class Ekfac:
    """The inverse curvature of EK-FAC. Build it with `ekfac_inverse`."""

    subset: ParameterSubset
    bases: dict[str, Eigenbasis]
    eigenvalues: dict[str, Tensor]
    """Λ by tensor, `[rows, columns]`"""
    damping: float

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g for each row of `gradients`, `[queries, parameters]`, exact for the factored matrix.

        Raises:
            SolveError: if a gradient is not finite.
        """
        values = {}
        for name, part in self.subset.unflatten(gradients).items():
            basis = self.bases[name]
            values[name] = basis.rotate_back(basis.rotate(part) / (self.eigenvalues[name] + self.damping))
        return Solution.closed_form(self.subset.flatten(values), gradients)


def ekfac_inverse(
    config: RunConfig,
    feature_map: FeatureMap,
    segmentation: BatchSegmentation,
    like: Tensor,
    num_draws: int = DRAWS_PER_BATCH,
) -> Ekfac:
    """EK-FAC from `num_draws` pseudo-gradients a batch for the bases and as many for the eigenvalues.

    A relative damping is a multiple of the mean eigenvalue, which estimates the mean diagonal of Gauss–Newton.

    Raises:
        SolveError: if a pseudo-gradient is not finite, or all are 0 and no absolute damping is given.
    """
    subset, loss = feature_map.subset, LOSSES[config.loss]
    generator = torch.Generator().manual_seed(config.seed)

    passes = passes_over(feature_map)
    bases = _eigenbases(subset, loss, num_draws, passes, seeded_batches(segmentation, generator), like)
    seeded = seeded_batches(segmentation, generator)  # draws that the bases have not seen
    squares = passes.summed(BatchSquares(loss, num_draws, bases), seeded)
    eigenvalues = {
        name: total / (num_draws * segmentation.num_pairs) for name, total in zip(bases, squares, strict=True)
    }
    damping = config.damping
    if damping is None:
        mean = float(sum(values.sum() for values in eigenvalues.values())) / subset.num_parameters
        if mean == 0:
            raise SolveError("a curvature to scale the damping with", "0 everywhere", "Give an absolute --damping.")
        damping = config.relative_damping_in_force * mean
    return Ekfac(subset, bases, eigenvalues, damping)


@dataclass(frozen=True)
class BatchMoments:
    """Σ G Gᵀ over the draws of one batch, for each of some sides of tensors, `[side, side]` each."""

    loss: ContrastiveLoss
    num_draws: int
    sides: tuple[tuple[str, int], ...]
    """tensor and axis (0: rows, 1: columns)"""

    def __call__(self, feature_map: FeatureMap, seeded: tuple[int, np.ndarray]) -> tuple[Tensor, ...]:
        """Of the pairs at these positions, with noise of this seed."""
        totals: list[Tensor] = []
        for drawn in pseudo_gradients(feature_map, self.loss, seeded, self.num_draws):
            parts, found = feature_map.subset.unflatten(drawn), []
            for name, axis in self.sides:
                shape = _matrix_shape(feature_map.subset.shapes[name])
                matrices = parts[name].reshape(-1, *shape).movedim(1 + axis, 0).flatten(1)
                found.append(matrices @ matrices.T)
            totals = [total + one for total, one in zip(totals, found, strict=True)] if totals else found
        return tuple(totals)


@dataclass(frozen=True)
class BatchSquares:
    """Σ (U_Lᵀ G U_R)² over the draws of one batch, `[rows, columns]` for each tensor."""

    loss: ContrastiveLoss
    num_draws: int
    bases: dict[str, Eigenbasis]

    def __call__(self, feature_map: FeatureMap, seeded: tuple[int, np.ndarray]) -> tuple[Tensor, ...]:
        """Of the pairs at these positions, with noise of this seed."""
        totals: list[Tensor] = []
        for drawn in pseudo_gradients(feature_map, self.loss, seeded, self.num_draws):
            parts = feature_map.subset.unflatten(drawn)
            found = [basis.rotate(parts[name]).square().sum(0) for name, basis in self.bases.items()]
            totals = [total + one for total, one in zip(totals, found, strict=True)] if totals else found
        return tuple(totals)


def pseudo_gradients(
    feature_map: FeatureMap, loss: ContrastiveLoss, seeded: tuple[int, np.ndarray], num_draws: int
) -> Iterator[Tensor]:
    """Draws of J_mᵀ y of one batch; their second moment, over all batches, is n times the undamped Gauss–Newton matrix.

    Args:
        feature_map: features of the pairs.
        loss: the training loss.
        seeded: seed of the noise, and the positions of the pairs of the batch.
        num_draws: how many.

    Yields:
        A few rows of the `num_draws` at a time, `[draws, parameters]`.
    """
    seed, batch = seeded
    pairs, generator = torch.as_tensor(batch), torch.Generator().manual_seed(seed)
    features = feature_map.features(pairs, pairs)
    logits = logits_of(features)
    noise = torch.randn(2, num_draws, *logits.shape, generator=generator).to(logits)
    entries = max(feature_map.subset.num_parameters, logits.numel(), features.text.numel())
    for part in noise.split(rows_at_once(entries), 1):
        cotangents = loss.curvature_sample(logits, part)
        yield feature_map.pullback(pairs, pairs, logit_cotangents(features, cotangents))


def _eigenbases(
    subset: ParameterSubset,
    loss: ContrastiveLoss,
    num_draws: int,
    passes: Passes,
    seeded: list[tuple[int, np.ndarray]],
    like: Tensor,
) -> dict[str, Eigenbasis]:
    """Eigenvectors of L and R of every tensor with two or more axes."""
    sides = tuple(
        (name, axis)
        for name, shape in subset.shapes.items()
        for axis, side in enumerate(_matrix_shape(shape))
        if len(shape) > 1 and side <= LARGEST_SIDE
    )
    moments = passes.summed(BatchMoments(loss, num_draws, sides), seeded) if sides else ()
    vectors = {}
    for side, total in zip(sides, moments, strict=True):
        check_finite(total, f"the curvature of {side[0]}")
        vectors[side] = torch.linalg.eigh(total.to(like))[1]
    return {
        name: Eigenbasis(_matrix_shape(shape), vectors.get((name, 0)), vectors.get((name, 1)))
        for name, shape in subset.shapes.items()
    }


def _matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """A tensor as rows × the rest; vectors and scalars are one row."""
    return (shape[0], prod(shape[1:])) if len(shape) > 1 else (1, prod(shape))
