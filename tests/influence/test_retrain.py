"""Retraining to convergence, against a dense Newton method written from the definition, in float64."""

import numpy as np
import pytest
import torch
from oracles import BATCH_LOSSES, Problem, problem

from engine.contrastive import LOSSES
from engine.influence.leave_out import without_group
from engine.influence.retrain import refine, retrain

DAMPING = 1.0
GROUP = np.array([0, 4, 7])
NOBODY = np.array([], dtype=int)


def case(loss: str = "clip") -> Problem:
    return problem(num_pairs=18, batch_sizes=(6, 6, 6), scale=3.0, seed=1, loss=loss)


def given(one: Problem) -> dict:
    return {"like": one.theta, "damping": DAMPING}


def dense_newton(one: Problem, group: np.ndarray) -> torch.Tensor:
    """The change from θ_ref by damped Newton steps with the dense Hessian."""
    batches = [batch.tolist() for batch in without_group(one.segmentation, group).batches]

    def objective(change: torch.Tensor) -> torch.Tensor:
        losses = [BATCH_LOSSES[one.loss](one.logits(one.theta + change, batch)) for batch in batches]
        return sum(losses) / one.segmentation.num_pairs + DAMPING / 2 * change.square().sum()

    change = torch.zeros_like(one.theta)
    for _ in range(60):
        gradient = torch.func.grad(objective)(change)
        if gradient.norm() < 1e-11:
            break
        hessian = torch.func.hessian(objective)(change)
        values, vectors = torch.linalg.eigh(hessian)
        step = -vectors @ ((vectors.T @ gradient) / values.abs().clamp(min=1e-3))
        size = 1.0
        while objective(change + size * step) > objective(change) and size > 1e-6:
            size /= 2
        change = change + size * step
    assert torch.func.grad(objective)(change).norm() < 1e-10
    return change


@pytest.mark.parametrize("loss", LOSSES)
def test_retraining_ends_where_a_dense_newton_method_ends(loss: str) -> None:
    one = case(loss)
    segmentations = [one.segmentation]
    for group in (NOBODY, GROUP):
        found = retrain(one.feature_map.moved, LOSSES[loss], segmentations, group, **given(one), tolerance=1e-9)
        torch.testing.assert_close(found.change, dense_newton(one, group), rtol=1e-5, atol=1e-7)
        assert found.gradient_norm < 1e-6
    everyone = retrain(one.feature_map.moved, LOSSES[loss], segmentations, NOBODY, **given(one))
    assert (found.change - everyone.change).norm() > 1e-3  # the group matters


def test_retraining_without_any_group_from_the_fit_stays_there() -> None:
    one = case()
    arguments = (one.feature_map.moved, LOSSES["clip"], [one.segmentation], NOBODY)
    fit = retrain(*arguments, **given(one))
    again = retrain(*arguments, **given(one), start=fit.change)
    torch.testing.assert_close(again.change, fit.change, rtol=1e-6, atol=1e-7)
    assert again.evaluations < fit.evaluations and fit.change.norm() > 0.1


def test_more_iterations_come_closer_and_never_pass_the_budget() -> None:
    one = case()
    loss, segmentations = LOSSES["clip"], [one.segmentation]
    fit = retrain(one.feature_map.moved, loss, segmentations, NOBODY, **given(one), tolerance=1e-10)
    truth = retrain(one.feature_map.moved, loss, segmentations, GROUP, **given(one), tolerance=1e-10)
    fitted = one.feature_map.moved(fit.change)
    wanted = truth.change - fit.change
    errors = []
    for num_iterations in (1, 5, 40):
        found = refine(fitted.moved, loss, segmentations, GROUP, **given(one), num_iterations=num_iterations)
        errors.append(float((found.change - wanted).norm() / wanted.norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_too_few_iterations_are_not_called_converged() -> None:
    one = case()
    arguments = (one.feature_map.moved, LOSSES["clip"], [one.segmentation], GROUP)
    assert not retrain(*arguments, **given(one), num_iterations=2).converged
    assert retrain(*arguments, **given(one)).converged
