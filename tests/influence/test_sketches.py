"""Sketched norms and self-influence, and their standard errors, against a dense inverse in float64."""

import pytest
import torch
from oracles import Problem, problem

from engine.batches import BatchSegmentation
from engine.contrastive import LOSSES
from engine.curvature import GaussNewton, IdentityCurvature, InverseCurvature, IterativeInverse, Solution, SolveStatus
from engine.influence.estimate import Estimate
from engine.influence.relative import parameter_changes
from engine.influence.self_influence import self_influence

DAMPING, NUM_SKETCHES = 0.05, 256
MANY = {"num_pairs": 40, "batch_sizes": (14, 14, 12)}


class DenseInverse:
    """A curvature that is known as an inverse only."""

    damping = DAMPING

    def __init__(self, matrix: torch.Tensor) -> None:
        self.matrix = matrix

    def solve(self, gradients: torch.Tensor) -> Solution:
        values = torch.linalg.solve(self.matrix, gradients.T).T
        return Solution(values, gradients.new_zeros(len(gradients)), 0, SolveStatus.CONVERGED)


def curvatures(one: Problem, kind: str, damping: float = DAMPING) -> tuple[InverseCurvature, torch.Tensor]:
    """The inverse curvature and the dense matrix it inverts."""
    eye = torch.eye(len(one.theta), dtype=torch.float64)
    if kind == "identity":
        return IdentityCurvature(), eye
    dense = one.dense_gauss_newton() + damping * eye
    if kind == "other":
        return DenseInverse(dense), dense
    operator = GaussNewton(one.feature_map, LOSSES[one.loss], one.segmentation, damping)
    return IterativeInverse(operator, damping, 1e-10, 1000), dense


def exact(one: Problem, dense: torch.Tensor) -> dict[str, torch.Tensor]:
    gradients, num_pairs = one.removal_gradients(), one.segmentation.num_pairs
    solved = torch.linalg.solve(dense, gradients.T).T
    return {"self": (gradients * solved).sum(1) / num_pairs, "change": solved.norm(dim=1) / num_pairs}


def sketched(
    one: Problem, kind: str, num_sketches: int = NUM_SKETCHES, seed: int = 0, damping: float = DAMPING
) -> dict[str, Estimate]:
    inverse, _ = curvatures(one, kind, damping)
    given = (one.feature_map, LOSSES[one.loss], [one.segmentation], inverse, num_sketches, seed, one.theta)
    return {"self": self_influence(*given)[0], "change": parameter_changes(*given)[0]}


@pytest.mark.parametrize("kind", ["gauss-newton", "identity", "other"])
@pytest.mark.parametrize("loss", LOSSES)
def test_nine_of_ten_pairs_lie_within_three_standard_errors_of_the_exact_value(loss: str, kind: str) -> None:
    one = problem(**MANY, loss=loss)
    truth = exact(one, curvatures(one, kind)[1])
    for name, found in sketched(one, kind).items():
        distance = ((found.value - truth[name]) / found.error).abs()
        assert (distance < 3).double().mean() >= 0.9, name
        assert distance.median() > 0.05, f"{name}: errors that are far too wide cover everything"


def test_the_relative_error_is_that_of_the_theory() -> None:
    found = sketched(problem(**MANY), "gauss-newton")
    for name, theory in (("self", (2 / NUM_SKETCHES) ** 0.5), ("change", (2 * NUM_SKETCHES) ** -0.5)):
        relative = found[name].error / found[name].value
        # the fourth moments of the norm's sketches depend on the direction; of self-influence's they do not
        torch.testing.assert_close(relative.median(), torch.tensor(theory, dtype=torch.float64), rtol=0.2, atol=0.0)


def test_the_stated_error_is_the_spread_over_seeds() -> None:
    one = problem()
    runs = [sketched(one, "gauss-newton", 64, seed) for seed in range(30)]
    for name in ("self", "change"):
        spread = torch.stack([run[name].value for run in runs]).std(0)
        stated = torch.stack([run[name].error for run in runs]).mean(0)
        # thirty seeds know their own spread to 13 %
        torch.testing.assert_close(stated, spread, rtol=0.4, atol=0.0)


def test_sketches_that_do_not_know_the_curvature_pay_for_its_condition() -> None:
    """Their variance is ‖g‖² ‖H⁻¹g‖² + (g·H⁻¹g)² instead of 2 (g·H⁻¹g)²: Cauchy–Schwarz says it is never less."""
    one, num_sketches, damping = problem(**MANY), 4096, 1e-4
    _, dense = curvatures(one, "other", damping)
    gradients = one.removal_gradients()
    solved = torch.linalg.solve(dense, gradients.T).T
    squared = (gradients * solved).sum(1).square()
    theory = ((gradients.norm(dim=1) * solved.norm(dim=1)).square() + squared).div(num_sketches).sqrt()
    found = sketched(one, "other", num_sketches, damping=damping)["self"].error * one.segmentation.num_pairs
    torch.testing.assert_close(found, theory, rtol=0.2, atol=0.0)
    assert (theory / (2 * squared / num_sketches).sqrt()).max() > 1.2


@pytest.mark.parametrize("log_logit_scale", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_drawn_directions_have_the_curvature_as_their_covariance(loss: str, log_logit_scale: bool) -> None:
    one = problem(loss=loss, log_logit_scale=log_logit_scale)
    operator = GaussNewton(one.feature_map, LOSSES[loss], one.segmentation, DAMPING)
    drawn = operator.draw(20_000, one.theta, torch.Generator().manual_seed(0))
    dense = one.dense_gauss_newton() + DAMPING * torch.eye(len(one.theta), dtype=torch.float64)
    size = dense.diagonal().sqrt()
    unit = size[:, None] * size
    torch.testing.assert_close(drawn.T @ drawn / len(drawn) / unit, dense / unit, rtol=0.0, atol=0.05)
    assert (dense / unit - torch.eye(len(size))).abs().max() > 0.3


def test_a_single_sketch_says_nothing_of_its_error_and_a_pair_without_batch_has_no_value() -> None:
    one = problem()
    kept = BatchSegmentation(one.segmentation.batches[:1], one.segmentation.num_pairs)
    one = Problem(one.feature_map, kept, one.theta)
    outside = torch.as_tensor(kept.left_out)
    for found in sketched(one, "identity", num_sketches=1).values():
        assert found.error[~torch.isin(torch.arange(12), outside)].isnan().all()
        assert found.value[outside].isnan().all()
        assert found.value.isfinite().sum() == 7


def test_a_pair_that_changes_nothing_has_no_error() -> None:
    found = Estimate.mean(torch.tensor([[0.0, 3.0], [0.0, 5.0]])).sqrt()
    assert found.value.tolist() == [0.0, 2.0]
    assert found.error[0] == 0 < found.error[1]
