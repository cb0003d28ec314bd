"""Leaving a group out in closed form, against real retraining to convergence in float64."""

import numpy as np
import pytest
import torch
from oracles import BATCH_LOSSES, Problem, problem

from engine.contrastive import LOSSES
from engine.influence.leave_out import LeftOut, leave_out, without_group

DAMPING = 1.0
GROUP = np.array([0, 4, 7])


def trained(one: Problem, reference: torch.Tensor, batches: list[list[int]], start: torch.Tensor) -> torch.Tensor:
    """The minimum of J over these batches, by L-BFGS straight from the definition."""
    theta = start.clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [theta], max_iter=2000, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def value() -> torch.Tensor:
        solver.zero_grad()
        loss = sum(BATCH_LOSSES[one.loss](one.logits(theta, batch)) for batch in batches) / one.segmentation.num_pairs
        loss = loss + DAMPING / 2 * (theta - reference).square().sum()
        loss.backward()
        return loss

    solver.step(value)
    value()
    assert theta.grad.norm() < 1e-6
    return theta.detach()


class Retrained:
    """A small problem trained to convergence with all pairs, and again without the group."""

    def __init__(self, loss: str) -> None:
        # In three dimensions some random problems press a picture onto the origin, where unit features have no
        # derivative; seed 1 has a smooth minimum (`trained` checks it).
        one = problem(num_pairs=18, batch_sizes=(6, 6, 6), scale=3.0, seed=1, loss=loss)
        reference = one.theta
        batches = [batch.tolist() for batch in one.segmentation.batches]
        self.fitted = trained(one, reference, batches, reference)
        self.feature_map = one.feature_map.moved(self.fitted - reference)
        self.segmentation, self.loss = one.segmentation, LOSSES[loss]
        kept = [batch.tolist() for batch in without_group(one.segmentation, GROUP).batches]
        self.truth = trained(one, reference, kept, self.fitted) - self.fitted

    def left_out(self, group: np.ndarray = GROUP) -> LeftOut:
        return leave_out(
            self.feature_map.moved, self.loss, [self.segmentation], group,
            like=self.fitted, damping=DAMPING, tolerance=1e-12, max_iterations=2000,
        )  # fmt: skip


@pytest.fixture(scope="module", params=LOSSES)
def case(request: pytest.FixtureRequest) -> Retrained:
    return Retrained(request.param)


def test_the_closed_form_points_where_retraining_goes(case: Retrained) -> None:
    change = case.left_out().change
    assert (
        torch.cosine_similarity(change, case.truth, dim=0) > 0.7
    )  # a sixth of all pairs leaves: one step is not enough
    assert (change - case.truth).norm() < 0.8 * case.truth.norm()


def test_the_step_lowers_the_gradient_and_nothing_changes_without_a_group(case: Retrained) -> None:
    found = case.left_out()
    assert found.gradient_norms[1] < found.gradient_norms[0]
    nobody = case.left_out(np.array([], dtype=int))
    assert nobody.change.norm() < 1e-9 < found.change.norm()


def test_the_step_starts_from_the_exact_removal_term_of_the_group(case: Retrained) -> None:
    """With a very large λ the step is the gradient itself: (1/n) ∇R_D / λ."""
    large = 1e6
    found = leave_out(
        case.feature_map.moved, case.loss, [case.segmentation], GROUP,
        like=case.fitted, damping=large, tolerance=1e-12, max_iterations=100,
    )  # fmt: skip
    theta = torch.zeros_like(case.fitted).requires_grad_()

    def batch_loss(batch: list[int]) -> torch.Tensor:
        name = next(name for name, loss in LOSSES.items() if loss is case.loss)
        one = Problem(case.feature_map, case.segmentation, case.fitted, name)
        return BATCH_LOSSES[name](one.logits(case.fitted + theta, batch))

    lost = sum(
        batch_loss(batch.tolist()) - batch_loss([p for p in batch.tolist() if p not in GROUP])
        for batch in case.segmentation.batches
    )
    (gradient,) = torch.autograd.grad(lost, theta)
    torch.testing.assert_close(found.change * large, gradient / case.segmentation.num_pairs, rtol=1e-4, atol=1e-9)


def test_a_batch_that_loses_every_pair_is_gone_and_n_stays() -> None:
    one = problem()
    first = one.segmentation.batches[0]
    rest = without_group(one.segmentation, first)
    assert len(rest.batches) == len(one.segmentation.batches) - 1
    assert rest.num_pairs == one.segmentation.num_pairs
