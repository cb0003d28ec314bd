"""Gauss–Newton products against the dense matrix."""

import pytest
import torch
from oracles import problem

from engine.contrastive import LOSSES, ClipLoss
from engine.curvature import GaussNewton, mean_diagonal


@pytest.mark.parametrize("log_logit_scale", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_products_equal_the_dense_matrix(log_logit_scale: bool, bias: bool, loss: str) -> None:
    one = problem(log_logit_scale=log_logit_scale, bias=bias, loss=loss)
    dense = one.dense_gauss_newton() + 0.1 * torch.eye(len(one.theta), dtype=torch.float64)
    operator = GaussNewton(one.feature_map, LOSSES[loss], one.segmentation, damping=0.1)
    directions = torch.randn(4, len(one.theta), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(operator.matvec(directions), directions @ dense)


def test_the_chunk_size_does_not_change_a_product_but_the_batches_do() -> None:
    directions = torch.ones(1, len(problem().theta), dtype=torch.float64)

    def product(**kwargs: object) -> torch.Tensor:
        one = problem(**kwargs)
        return GaussNewton(one.feature_map, ClipLoss(), one.segmentation).matvec(directions)

    torch.testing.assert_close(product(chunk_size=2), product(chunk_size=256), rtol=1e-12, atol=1e-14)
    assert not torch.allclose(product(batch_sizes=(7, 5)), product(batch_sizes=(4, 4, 4)), rtol=1e-3)


def test_the_mean_diagonal_estimate_is_near_the_trace() -> None:
    one = problem()
    operator = GaussNewton(one.feature_map, ClipLoss(), one.segmentation)
    truth = float(one.dense_gauss_newton().diagonal().mean())
    assert mean_diagonal(operator, one.theta, num_probes=400) == pytest.approx(truth, rel=0.1)
    assert mean_diagonal(operator, one.theta) == mean_diagonal(operator, one.theta)
