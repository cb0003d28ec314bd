"""EK-FAC against dense matrices: where the curvature is a Kronecker product, and where it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from oracles import Problem, problem

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature import Ekfac
from engine.curvature.ekfac import ekfac_inverse, pseudo_gradients
from engine.directional import Features
from engine.errors import SolveError
from engine.parameters import ParameterSubset

DOUBLE = {"dtype": torch.float64}


def built(one: object, num_draws: int = 8, **options: object) -> Ekfac:
    config = RunConfig(pairs="", model="", curvature="ekfac", loss=one.loss, **options)
    return ekfac_inverse(config, one.feature_map, one.segmentation, one.theta, num_draws)


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@dataclass(frozen=True)
class KroneckerMap:
    """Text features A W B, image features the unit vectors, at W = 0: all logits are 0 and σ(1 − σ) = ¼.

    The Gauss–Newton matrix in W is then (1/4n) AᵀA ⊗ BBᵀ, a Kronecker product, when the loss is the sigmoid loss.
    """

    left: torch.Tensor
    right: torch.Tensor
    subset: ParameterSubset

    def features(self, texts: torch.Tensor, images: torch.Tensor) -> Features:
        size = len(self.left)
        return Features(torch.zeros(size, size, **DOUBLE), torch.eye(size, **DOUBLE), *torch.zeros(2, **DOUBLE))

    def pullback(self, texts: torch.Tensor, images: torch.Tensor, cotangents: Features) -> torch.Tensor:
        return (self.left.T @ cotangents.text @ self.right.T).flatten(1)


@dataclass(frozen=True)
class KroneckerProblem:
    feature_map: KroneckerMap
    segmentation: BatchSegmentation
    theta: torch.Tensor
    loss: str = "siglip"

    @property
    def dense(self) -> torch.Tensor:
        left, right = self.feature_map.left, self.feature_map.right
        return torch.kron(left.T @ left, right @ right.T) / (4 * self.segmentation.num_pairs)


def kronecker_problem(shape: tuple[int, ...] = (4, 3)) -> KroneckerProblem:
    rows, columns = shape[0], int(np.prod(shape[1:]))
    feature_map = KroneckerMap(draw(6, rows), draw(columns, 6, seed=2), ParameterSubset({"weight": shape}))
    return KroneckerProblem(feature_map, BatchSegmentation((np.arange(6),), 6), torch.zeros(rows * columns, **DOUBLE))


@pytest.mark.parametrize("shape", [(4, 3), (4, 1, 3, 1)])
def test_where_the_curvature_is_a_kronecker_product_the_dense_inverse_is_approached(shape: tuple[int, ...]) -> None:
    one, sides = kronecker_problem(shape), draw(5, 12, seed=3)
    expected = torch.linalg.solve(one.dense + 0.05 * torch.eye(12, **DOUBLE), sides.T).T

    def error(num_draws: int) -> float:
        found = built(one, num_draws, damping=0.05).solve(sides).values
        return float((found - expected).norm() / expected.norm())

    assert error(20_000) < 0.03
    assert error(20_000) < 0.3 * error(20)
    axes = sides / (one.dense.diagonal() + 0.05)
    assert (axes - expected).norm() > 0.2 * expected.norm(), "a diagonal would pass"


@pytest.mark.parametrize("loss", LOSSES)
def test_pseudo_gradients_have_gauss_newton_as_second_moment(loss: str) -> None:
    one = problem(loss=loss, log_logit_scale=True)
    total, num_draws = torch.zeros_like(one.dense_gauss_newton()), 8000
    for seeded in enumerate(one.segmentation.batches):
        for drawn in pseudo_gradients(one.feature_map, LOSSES[loss], seeded, num_draws):
            total += drawn.T @ drawn / num_draws
    dense = one.dense_gauss_newton()
    assert (total / one.segmentation.num_pairs - dense).norm() < 0.05 * dense.norm()


def block_diagonal(one: Problem) -> torch.Tensor:
    dense, start = one.dense_gauss_newton(), 0
    masked = torch.zeros_like(dense)
    for shape in one.feature_map.subset.shapes.values():
        end = start + int(np.prod(shape))
        masked[start:end, start:end] = dense[start:end, start:end]
        start = end
    return masked


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_nearer_to_the_inverse_of_the_blocks_than_the_identity_or_a_diagonal_is(loss: str) -> None:
    one = problem(30, (10, 10, 10), loss=loss)
    dense, sides = block_diagonal(one), draw(20, len(one.theta))
    damping = float(dense.diagonal().mean())
    expected = torch.linalg.solve(dense + damping * torch.eye(len(dense), **DOUBLE), sides.T).T

    def angle(found: torch.Tensor) -> float:
        return 1 - float(torch.nn.functional.cosine_similarity(found, expected).mean())

    found = angle(built(one, damping=damping).solve(sides).values)
    assert found < 0.5 * angle(sides)
    assert found < 0.7 * angle(sides / (dense.diagonal() + damping)), "a diagonal would do as well"


def test_the_eigenvalues_are_the_diagonal_of_gauss_newton_in_their_basis() -> None:
    one = problem(log_logit_scale=True)
    inverse = built(one, 4000)
    dense = one.dense_gauss_newton()
    for name, block in (("text_head", dense[:15, :15]), ("image_head", dense[15:27, 15:27])):
        basis = inverse.bases[name]
        axes = torch.kron(basis.rows, basis.columns)
        expected = (axes.T @ block @ axes).diagonal().reshape(basis.shape)
        torch.testing.assert_close(inverse.eigenvalues[name], expected, rtol=0.15, atol=1e-4)
    assert inverse.bases["log_logit_scale"].rows is None
    assert float(inverse.eigenvalues["log_logit_scale"]) == pytest.approx(float(dense[27, 27]), rel=0.1)
    assert inverse.damping == pytest.approx(100 * float(dense.diagonal().mean()), rel=0.1)


def test_with_few_draws_the_eigenvalues_are_right_on_average() -> None:
    one = problem()
    truth = float(one.dense_gauss_newton().trace())
    traces = [sum(float(v.sum()) for v in built(one, 2, seed=seed).eigenvalues.values()) for seed in range(60)]
    assert np.mean(traces) == pytest.approx(truth, rel=4 * np.std(traces) / np.mean(traces) / 60**0.5)
    assert np.std(traces) > 0.05 * truth


def test_the_same_seed_gives_the_same_and_memory_limits_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    one, sides = problem(), draw(2, 27)
    first = built(one).solve(sides).values
    assert torch.equal(built(one).solve(sides).values, first)
    assert not torch.allclose(built(one, seed=1).solve(sides).values, first, rtol=1e-4)
    monkeypatch.setattr("engine.curvature.tensors.ENTRIES_AT_ONCE", 70)
    torch.testing.assert_close(built(one).solve(sides).values, first)


def test_a_long_side_keeps_its_own_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.curvature.ekfac.LARGEST_SIDE", 4)
    one = problem()
    inverse = built(one, 4000, damping=0.1)
    assert inverse.bases["text_head"].columns is None  # 3 × 5
    assert inverse.bases["image_head"].columns is not None  # 3 × 4
    expected = one.dense_gauss_newton().diagonal()[:15].reshape(3, 5).sum(0)
    torch.testing.assert_close(inverse.eigenvalues["text_head"].sum(0), expected, rtol=0.1, atol=1e-4)


def test_what_cannot_be_built_or_solved_is_said() -> None:
    one = problem()
    with pytest.raises(SolveError, match="finite"):
        built(one).solve(torch.full((1, 27), float("nan"), **DOUBLE))
    nothing = replace(one.feature_map, text_inputs=torch.full_like(one.feature_map.text_inputs, float("nan")))
    with pytest.raises(SolveError, match="text_head"):
        built(replace(one, feature_map=nothing))
    alone = replace(one, segmentation=BatchSegmentation(tuple(np.array([k]) for k in range(12)), 12))
    with pytest.raises(SolveError, match="--damping"):
        built(alone)
