"""Whom a pair disturbs, against autograd on the losses of the other pairs."""

import pytest
import torch
from oracles import BATCH_LOSSES, Problem, problem

from engine.batches import BatchSegmentation
from engine.contrastive import LOSSES
from engine.influence.disturbance import disturbances
from engine.influence.scores import segmented_scores

KINDS = [("clip", "exact"), ("clip", "first-order"), ("dcl", "exact"), ("dcl", "first-order"), ("siglip", "exact")]
WHOLE = {"clip": 1.0, "dcl": 1.0, "siglip": 2.0}  # a sigmoid pair's loss is half of what it shares with another


def direction(one: Problem) -> torch.Tensor:
    return torch.randn(1, len(one.theta), generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def segmentations() -> list[BatchSegmentation]:
    """Two, in which some pairs meet twice, some once and some never; pair 11 is in the second only."""
    first = problem(num_pairs=12, batch_sizes=(7, 5)).segmentation.batches
    second = problem(num_pairs=12, batch_sizes=(4, 4, 4), seed=1).segmentation.batches
    first = tuple(batch[batch != 11] for batch in first)
    return [BatchSegmentation(first, 12), BatchSegmentation(second, 12)]


def dense(one: Problem, given: list[BatchSegmentation], w: torch.Tensor) -> torch.Tensor:
    """What every pair does to every other, `[pairs, pairs]`, averaged, from the losses of single pairs by autograd."""
    total, present = torch.zeros(12, 12, dtype=torch.float64), torch.zeros(12, 1, dtype=torch.float64)

    def pair_loss(theta: torch.Tensor, batch: list[int], pair: int) -> torch.Tensor:
        return LOSSES[one.loss].pair_losses(one.logits(theta, batch))[batch.index(pair)]

    for batch in (batch.tolist() for segmentation in given for batch in segmentation.batches):
        present[batch] += 1
        for n in batch:
            rest = [p for p in batch if p != n]
            for k in rest:
                theta = one.theta.clone().requires_grad_()
                raised = pair_loss(theta, batch, k) - pair_loss(theta, rest, k)
                (gradient,) = torch.autograd.grad(raised, theta)
                total[n, k] += WHOLE[one.loss] * gradient @ w[0]
    return total / present


def spread_out(found_others: torch.Tensor, found_influence: torch.Tensor) -> torch.Tensor:
    table = torch.zeros(12, 13, dtype=torch.float64)
    return table.scatter_add(1, found_others % 13, found_influence)[:, :12]


@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_pair_does_to_another_is_what_it_adds_to_the_others_loss(loss: str) -> None:
    one, given = problem(loss=loss), segmentations()
    w = direction(one)
    expected = dense(one, given, w)
    found = disturbances(one.feature_map, LOSSES[loss], given, w, 11)
    torch.testing.assert_close(spread_out(found.others, found.influence), expected, rtol=1e-8, atol=1e-12)
    assert (expected != 0).sum(1).min() < 11 and expected.abs().max() > 1e-3


@pytest.mark.parametrize(("loss", "negative_term"), KINDS)
def test_all_others_together_are_the_negative_role(loss: str, negative_term: str) -> None:
    one, given = problem(loss=loss), segmentations()
    w = direction(one)
    found = disturbances(one.feature_map, LOSSES[loss], given, w, 11, negative_term)
    scores = segmented_scores(one.feature_map, LOSSES[loss], given, w, negative_term)
    torch.testing.assert_close(found.influence.sum(1), scores.mean.negative[0], rtol=1e-9, atol=1e-12)
    assert scores.mean.negative.abs().min() > 1e-6


@pytest.mark.parametrize(("loss", "negative_term"), KINDS)
def test_a_batch_s_disturbances_sum_to_the_derivative_of_the_negative_part(loss: str, negative_term: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, tangent = (4 * torch.randn(2, 8, 8, generator=generator, dtype=torch.float64)).unbind()
    terms = LOSSES[loss].removal_terms
    _, expected = torch.func.jvp(lambda s: terms(s, negative_term).negative, (logits,), (tangent,))
    found = LOSSES[loss].disturbance_derivatives(logits, tangent[None], negative_term)[0]
    torch.testing.assert_close(found.sum(1), expected)
    assert (found.diagonal() == 0).all()
    if loss != "siglip":  # which is symmetric
        assert not torch.allclose(found.sum(0), expected), "negatives and anchors must not be mixed up"


def test_the_few_that_are_kept_are_the_largest_and_nobody_is_nobody() -> None:
    one, given = problem(), segmentations()[:1]
    w = direction(one)
    everything = spread_out(*vars(disturbances(one.feature_map, LOSSES["clip"], given, w, 11)).values())
    found = disturbances(one.feature_map, LOSSES["clip"], given, w, 3)
    assert found.others.shape == (12, 3)
    largest = everything.abs().topk(3).values
    torch.testing.assert_close(found.influence.abs(), largest)
    assert found.others[11].tolist() == [-1, -1, -1], "pair 11 is in no batch"
    assert (found.others != torch.arange(12)[:, None]).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_one_hard_negative_stays_exact_in_float32(loss: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits, tangent = torch.randn(2, 8, 8, generator=generator, dtype=torch.float64).unbind()
    logits[2, 5] += 40.0
    derivative = LOSSES[loss].disturbance_derivatives
    single, double = derivative(logits.float(), tangent.float()[None])[0], derivative(logits, tangent[None])[0]
    # float32 keeps 7 digits of a tangent of size 1
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)
    assert double[5, 2].abs() > 0.1, "image 5 disturbs text 2"
    assert torch.isfinite(single).all() and BATCH_LOSSES[loss](logits) > 10
