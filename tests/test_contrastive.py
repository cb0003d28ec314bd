"""The page of maths against autograd on L(B) − L(B without n)."""

import pytest
import torch
from oracles import BATCH_LOSSES

from engine.config import LOSSES as LOSS_NAMES
from engine.contrastive import LOSSES, ClipLoss

LOSS = ClipLoss()
EVERY_LOSS = pytest.mark.parametrize("name", LOSSES)
SCALES = (1.0, 5.0, 30.0)


def random_logits(scale: float, num_pairs: int = 8, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(int(scale) + num_pairs)
    return (scale * torch.randn(num_pairs, num_pairs, generator=generator, dtype=torch.float64)).to(dtype)


def without(logits: torch.Tensor, pair: int) -> torch.Tensor:
    keep = [i for i in range(len(logits)) if i != pair]
    return logits[keep][:, keep]


def test_the_configuration_offers_exactly_the_losses_there_are() -> None:
    assert set(LOSS_NAMES) == set(LOSSES) == set(BATCH_LOSSES)


@EVERY_LOSS
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("num_pairs", [2, 3, 8])
def test_the_two_roles_sum_to_what_the_batch_loses(name: str, scale: float, num_pairs: int) -> None:
    if name == "dcl" and num_pairs == 2:
        pytest.skip("without one of two pairs the other has no negative left")
    logits, batch_loss = random_logits(scale, num_pairs), BATCH_LOSSES[name]
    terms = LOSSES[name].removal_terms(logits)
    for pair in range(num_pairs):
        lost = batch_loss(logits) - batch_loss(without(logits, pair))
        torch.testing.assert_close(terms.both[pair], lost, rtol=1e-10, atol=1e-12)


@EVERY_LOSS
@pytest.mark.parametrize("scale", SCALES)
def test_the_derivative_of_the_removal_term_equals_autograd(name: str, scale: float) -> None:
    logits, batch_loss = random_logits(scale), BATCH_LOSSES[name]
    tangents = torch.stack([random_logits(1.0), random_logits(2.0)])
    found = LOSSES[name].removal_derivatives(logits, tangents)
    for query in range(2):
        for pair in range(len(logits)):
            free = logits.clone().requires_grad_()
            lost = batch_loss(free) - batch_loss(without(free, pair))
            (gradient,) = torch.autograd.grad(lost, free)
            expected = (gradient * tangents[query]).sum()
            torch.testing.assert_close(found.both[query, pair], expected, rtol=1e-9, atol=1e-11)


@EVERY_LOSS
@pytest.mark.parametrize("negative_term", ["exact", "first-order"])
def test_each_role_is_differentiated_on_its_own(name: str, negative_term: str) -> None:
    logits, tangent, loss = random_logits(5.0), random_logits(1.0), LOSSES[name]

    def terms(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = loss.removal_terms(logits, negative_term)
        return found.positive, found.negative

    _, (positive, negative) = torch.func.jvp(terms, (logits,), (tangent,))
    found = loss.removal_derivatives(logits, tangent[None], negative_term)
    torch.testing.assert_close(found.positive[0], positive)
    torch.testing.assert_close(found.negative[0], negative)


@EVERY_LOSS
def test_the_pair_loss_and_its_gradient_are_those_of_the_definition(name: str) -> None:
    logits, loss = random_logits(5.0).requires_grad_(), LOSSES[name]
    torch.testing.assert_close(loss.pair_losses(logits).sum(), BATCH_LOSSES[name](logits))
    (gradient,) = torch.autograd.grad(BATCH_LOSSES[name](logits), logits)
    torch.testing.assert_close(loss.logit_gradient(logits.detach()), gradient)


@EVERY_LOSS
def test_the_curvature_product_is_the_hessian_of_the_batch_loss(name: str) -> None:
    logits, tangent = random_logits(3.0, 5), random_logits(1.0, 5)
    hessian = torch.func.hessian(BATCH_LOSSES[name])(logits).reshape(25, 25)
    found = LOSSES[name].curvature_product(logits, tangent[None])[0]
    torch.testing.assert_close(found.reshape(-1), hessian @ tangent.reshape(-1))
    assert found.abs().max() > 1e-3


@EVERY_LOSS
def test_sampled_cotangents_have_the_hessian_as_their_covariance(name: str) -> None:
    logits = random_logits(2.0, 4)
    noise = torch.eye(32, dtype=torch.float64).reshape(32, 2, 4, 4).transpose(0, 1)  # every unit of noise once
    samples = LOSSES[name].curvature_sample(logits, noise).reshape(32, 16)
    hessian = torch.func.hessian(BATCH_LOSSES[name])(logits).reshape(16, 16)
    torch.testing.assert_close(samples.T @ samples, hessian)
    assert hessian.abs().max() > 1e-3


def test_the_positive_role_of_a_decoupled_pair_is_its_loss_without_itself_in_the_denominators() -> None:
    logits = random_logits(2.0, 4)
    expected = 0.5 * (logits[1, [0, 2, 3]].logsumexp(0) + logits[[0, 2, 3], 1].logsumexp(0)) - logits[1, 1]
    torch.testing.assert_close(LOSSES["dcl"].removal_terms(logits).positive[1], expected)


@EVERY_LOSS
def test_a_negative_that_leads_by_forty_nats_stays_exact_in_float32(name: str) -> None:
    loss = LOSSES[name]
    logits = random_logits(1.0)
    logits[2, 5] += 40.0
    tangents = random_logits(1.0)[None]
    single, double = logits.float(), logits
    assert torch.isinf(-torch.log1p(-single.softmax(1)[2, 5])), "the naive form is expected to fail here"
    for part in ("positive", "negative"):
        torch.testing.assert_close(
            getattr(loss.removal_terms(single), part).double(),
            getattr(loss.removal_terms(double), part),
            rtol=1e-5,
            atol=1e-5,
        )
        torch.testing.assert_close(
            getattr(loss.removal_derivatives(single, tangents.float()), part).double(),
            getattr(loss.removal_derivatives(double, tangents), part),
            rtol=1e-4,
            atol=1e-4,
        )


def test_the_first_order_form_is_close_for_easy_negatives_and_far_for_hard_ones() -> None:
    easy = random_logits(0.1) + 8.0 * torch.eye(8, dtype=torch.float64)
    hard = random_logits(8.0)
    for logits, close in ((easy, True), (hard, False)):
        exact, first = (LOSS.removal_terms(logits, kind).negative for kind in ("exact", "first-order"))
        assert torch.allclose(exact, first, rtol=0.01) is close


def test_the_reciprocal_printed_in_summaries_of_the_paper_points_elsewhere() -> None:
    logits = random_logits(3.0).requires_grad_()
    off = ~torch.eye(8, dtype=torch.bool)

    def gradient(value: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(value, logits, retain_graph=True)[0].reshape(-1)

    truth = gradient(LOSS.removal_terms(logits).negative[0])
    reciprocal = gradient((1.0 / logits.softmax(1)[1:, 0]).sum() + (1.0 / logits.softmax(0)[0, 1:]).sum())
    assert torch.cosine_similarity(truth, reciprocal, dim=0) < 0.5
    assert off.any()


def test_a_batch_of_one_pair_has_nothing_to_lose() -> None:
    terms = LOSS.removal_terms(torch.ones(1, 1))
    derivatives = LOSS.removal_derivatives(torch.ones(1, 1), torch.ones(2, 1, 1))
    assert terms.both.tolist() == [0.0]
    assert derivatives.both.tolist() == [[0.0], [0.0]]
