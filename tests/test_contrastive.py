"""The page of maths against autograd on L(B) − L(B without n)."""

import pytest
import torch
from oracles import clip_batch_loss

from engine.contrastive import ClipLoss

LOSS = ClipLoss()
SCALES = (1.0, 5.0, 30.0)


def random_logits(scale: float, num_pairs: int = 8, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(int(scale) + num_pairs)
    return (scale * torch.randn(num_pairs, num_pairs, generator=generator, dtype=torch.float64)).to(dtype)


def without(logits: torch.Tensor, pair: int) -> torch.Tensor:
    keep = [i for i in range(len(logits)) if i != pair]
    return logits[keep][:, keep]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("num_pairs", [2, 3, 8])
def test_the_two_roles_sum_to_what_the_batch_loses(scale: float, num_pairs: int) -> None:
    logits = random_logits(scale, num_pairs)
    terms = LOSS.removal_terms(logits)
    for pair in range(num_pairs):
        lost = clip_batch_loss(logits) - clip_batch_loss(without(logits, pair))
        torch.testing.assert_close(terms.both[pair], lost, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_the_derivative_of_the_removal_term_equals_autograd(scale: float) -> None:
    logits = random_logits(scale)
    tangents = torch.stack([random_logits(1.0), random_logits(2.0)])
    found = LOSS.removal_derivatives(logits, tangents)
    for query in range(2):
        for pair in range(len(logits)):
            free = logits.clone().requires_grad_()
            lost = clip_batch_loss(free) - clip_batch_loss(without(free, pair))
            (gradient,) = torch.autograd.grad(lost, free)
            expected = (gradient * tangents[query]).sum()
            torch.testing.assert_close(found.both[query, pair], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("negative_term", ["exact", "first-order"])
def test_each_role_is_differentiated_on_its_own(negative_term: str) -> None:
    logits, tangent = random_logits(5.0), random_logits(1.0)

    def terms(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = LOSS.removal_terms(logits, negative_term)
        return found.positive, found.negative

    _, (positive, negative) = torch.func.jvp(terms, (logits,), (tangent,))
    found = LOSS.removal_derivatives(logits, tangent[None], negative_term)
    torch.testing.assert_close(found.positive[0], positive)
    torch.testing.assert_close(found.negative[0], negative)


def test_the_pair_loss_and_its_gradient_are_those_of_the_definition() -> None:
    logits = random_logits(5.0).requires_grad_()
    torch.testing.assert_close(LOSS.pair_losses(logits).sum(), clip_batch_loss(logits))
    (gradient,) = torch.autograd.grad(clip_batch_loss(logits), logits)
    torch.testing.assert_close(LOSS.logit_gradient(logits.detach()), gradient)


def test_the_curvature_product_is_the_hessian_of_the_batch_loss() -> None:
    logits, tangent = random_logits(3.0, 5), random_logits(1.0, 5)
    hessian = torch.func.hessian(clip_batch_loss)(logits).reshape(25, 25)
    found = LOSS.curvature_product(logits, tangent[None])[0]
    torch.testing.assert_close(found.reshape(-1), hessian @ tangent.reshape(-1))


def test_a_negative_that_leads_by_forty_nats_stays_exact_in_float32() -> None:
    logits = random_logits(1.0)
    logits[2, 5] += 40.0
    tangents = random_logits(1.0)[None]
    single, double = logits.float(), logits
    assert torch.isinf(-torch.log1p(-single.softmax(1)[2, 5])), "the naive form is expected to fail here"
    for part in ("positive", "negative"):
        torch.testing.assert_close(
            getattr(LOSS.removal_terms(single), part).double(),
            getattr(LOSS.removal_terms(double), part),
            rtol=1e-5,
            atol=1e-5,
        )
        torch.testing.assert_close(
            getattr(LOSS.removal_derivatives(single, tangents.float()), part).double(),
            getattr(LOSS.removal_derivatives(double, tangents), part),
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
