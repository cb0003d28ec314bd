"""Hessian products against torch.func.hessian of the objective, and what a solve says when it is indefinite."""

import pytest
import torch
from oracles import Problem, problem

from engine.contrastive import LOSSES
from engine.curvature import GaussNewton, Hessian, SolveStatus, conjugate_gradients
from engine.directional import Features


def dense_hessian(one: Problem) -> torch.Tensor:
    def objective(theta: torch.Tensor) -> torch.Tensor:
        return sum(one.batch_loss(theta, batch.tolist()) for batch in one.segmentation.batches)

    return torch.func.hessian(objective)(one.theta) / one.segmentation.num_pairs


def directions(one: Problem) -> torch.Tensor:
    return torch.randn(4, len(one.theta), dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("log_logit_scale", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_products_equal_the_dense_hessian(log_logit_scale: bool, bias: bool, loss: str) -> None:
    one = problem(log_logit_scale=log_logit_scale, bias=bias, loss=loss)
    dense, probes = dense_hessian(one), directions(one)
    found = Hessian(one.feature_map, LOSSES[loss], one.segmentation, damping=0.1).matvec(probes)
    torch.testing.assert_close(found, probes @ dense + 0.1 * probes)
    bend = dense - one.dense_gauss_newton()
    assert bend.norm() > 0.1 * dense.norm(), "Gauss–Newton alone would pass"


def test_the_chunk_size_does_not_change_a_product() -> None:
    small, large = problem(chunk_size=2), problem(chunk_size=256)
    found = [
        Hessian(one.feature_map, LOSSES["clip"], one.segmentation).matvec(directions(one)) for one in (small, large)
    ]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_an_indefinite_hessian_is_said_and_enough_damping_cures_it() -> None:
    one = problem()
    lowest = float(torch.linalg.eigvalsh(dense_hessian(one))[0])
    assert lowest < -1e-3, "the problem is expected to be indefinite"
    operator = Hessian(one.feature_map, LOSSES["clip"], one.segmentation)
    indefinite = conjugate_gradients(operator.damped(1e-4), directions(one), 1e-10, 500)
    assert indefinite.status is SolveStatus.NEGATIVE_CURVATURE
    cured = conjugate_gradients(operator.damped(-1.5 * lowest), directions(one), 1e-10, 500)
    assert cured.status is SolveStatus.CONVERGED
    dense = dense_hessian(one) - 1.5 * lowest * torch.eye(len(one.theta), dtype=torch.float64)
    torch.testing.assert_close(cured.values, torch.linalg.solve(dense, directions(one).T).T, rtol=1e-6, atol=1e-8)


def test_without_a_slope_in_the_logits_the_hessian_is_gauss_newton() -> None:
    class Flat(type(LOSSES["clip"])):
        def logit_gradient(self, logits: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(logits)

    one = problem(log_logit_scale=True)
    found = Hessian(one.feature_map, Flat(), one.segmentation).matvec(directions(one))
    torch.testing.assert_close(found, GaussNewton(one.feature_map, Flat(), one.segmentation).matvec(directions(one)))
    assert found.abs().max() > 1e-3


@pytest.mark.parametrize("rows", [1, 4])
def test_the_tangents_of_a_pullback_are_its_derivative_along_each_direction(rows: int) -> None:
    one = problem(log_logit_scale=True, bias=True, loss="siglip")
    generator, pairs = torch.Generator().manual_seed(4), torch.arange(12)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    cotangents = Features(draw(rows, 12, 3), draw(rows, 12, 3), draw(rows), draw(rows))
    found = one.feature_map.pullback_tangents(pairs, pairs, cotangents, directions(one))
    still = torch.zeros_like(one.theta)
    for row, direction in enumerate(directions(one)):
        _, expected = torch.func.jvp(
            lambda change: one.feature_map.moved(change).pullback(pairs, pairs, cotangents), (still,), (direction,)
        )
        torch.testing.assert_close(found[row], expected[row if rows > 1 else 0])
    assert found.abs().max() > 0.1
