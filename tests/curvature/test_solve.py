"""Conjugate gradients against a dense solve, and what they say when they cannot solve."""

from dataclasses import dataclass

import pytest
import torch

from engine.curvature import SolveStatus, conjugate_gradients
from engine.errors import SolveError


@dataclass(frozen=True)
class Dense:
    matrix: torch.Tensor

    def matvec(self, directions: torch.Tensor) -> torch.Tensor:
        return directions @ self.matrix


def positive_definite(size: int = 20) -> torch.Tensor:
    root = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return root @ root.T + 0.1 * torch.eye(size, dtype=torch.float64)


def test_several_right_hand_sides_are_solved_as_by_a_dense_solve() -> None:
    matrix = positive_definite()
    sides = torch.randn(3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sides[1] *= 1e6
    found = conjugate_gradients(Dense(matrix), sides, 1e-12, 500)
    assert found.status is SolveStatus.CONVERGED
    assert float(found.residuals.max()) < 1e-10
    torch.testing.assert_close(found.values, torch.linalg.solve(matrix, sides.T).T, rtol=1e-6, atol=1e-9)


def test_a_right_hand_side_of_zeros_gives_zeros() -> None:
    found = conjugate_gradients(Dense(positive_definite()), torch.zeros(2, 20, dtype=torch.float64), 1e-8, 10)
    assert found.iterations == 0
    assert not found.values.any()
    assert found.status is SolveStatus.CONVERGED


def test_a_solve_that_hits_its_limit_says_so_with_its_residual() -> None:
    found = conjugate_gradients(Dense(positive_definite()), torch.ones(1, 20, dtype=torch.float64), 1e-12, 3)
    assert found.status is SolveStatus.NOT_CONVERGED
    assert found.iterations == 3
    assert float(found.residuals[0]) > 1e-6


def test_negative_curvature_is_noticed() -> None:
    matrix = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    found = conjugate_gradients(Dense(matrix), torch.ones(1, 2, dtype=torch.float64), 1e-8, 10)
    assert found.status is SolveStatus.NEGATIVE_CURVATURE


def test_negative_curvature_in_one_right_hand_side_leaves_the_others_solved() -> None:
    matrix = torch.block_diag(positive_definite(), torch.tensor([[-1.0]], dtype=torch.float64))
    sides = torch.ones(2, 21, dtype=torch.float64)
    sides[0, 20] = 0.0
    found = conjugate_gradients(Dense(matrix), sides, 1e-10, 500)
    assert found.status is SolveStatus.NEGATIVE_CURVATURE
    torch.testing.assert_close(found.values[0], torch.linalg.solve(matrix, sides[0]), rtol=1e-6, atol=1e-8)
    assert float(found.residuals[1]) > 1e-3


def test_a_gradient_with_nan_is_refused_with_a_sentence() -> None:
    with pytest.raises(SolveError, match="finite"):
        conjugate_gradients(Dense(positive_definite()), torch.full((1, 20), float("nan"), dtype=torch.float64), 1e-8, 9)
