"""Influence scores against brute force: autograd per pair and a dense inverse."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from oracles import Problem, problem

from engine.batches import BatchSegmentation
from engine.contrastive import LOSSES, ClipLoss
from engine.curvature import GaussNewton, IdentityCurvature, IterativeInverse, conjugate_gradients
from engine.errors import StorageError
from engine.influence.relative import relative_influence
from engine.influence.scores import role_scores, segmented_scores

LOSS, DAMPING = ClipLoss(), 0.05


def gradients(one: Problem, num_queries: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(num_queries, len(one.theta), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("log_logit_scale", [False, True])
@pytest.mark.parametrize("curvature", ["identity", "gauss-newton"])
def test_scores_equal_brute_force_to_one_in_a_million(curvature: str, log_logit_scale: bool, loss: str) -> None:
    one = problem(log_logit_scale=log_logit_scale, loss=loss)
    queries, size = gradients(one), len(one.theta)
    dense, solved = torch.eye(size, dtype=torch.float64), queries
    if curvature == "gauss-newton":
        dense = one.dense_gauss_newton() + DAMPING * dense
        operator = GaussNewton(one.feature_map, LOSSES[loss], one.segmentation, DAMPING)
        solved = conjugate_gradients(operator, queries, 1e-12, 1000).values
    expected = torch.linalg.solve(dense, queries.T).T @ one.removal_gradients().T / one.segmentation.num_pairs
    found = role_scores(one.feature_map, LOSSES[loss], one.segmentation, solved / one.segmentation.num_pairs)
    torch.testing.assert_close(found.both, expected, rtol=1e-6, atol=1e-12)


def test_the_chunk_size_never_changes_a_score_but_the_batches_do() -> None:
    queries = gradients(problem())

    def scores(**kwargs: object) -> torch.Tensor:
        one = problem(**kwargs)
        return role_scores(one.feature_map, LOSS, one.segmentation, queries).both

    torch.testing.assert_close(scores(chunk_size=1), scores(chunk_size=256), rtol=1e-12, atol=1e-14)
    assert not torch.allclose(scores(batch_sizes=(7, 5)), scores(batch_sizes=(4, 4, 4)), rtol=1e-2)


@pytest.mark.parametrize("loss", LOSSES)
def test_asking_eight_queries_together_gives_what_asking_them_alone_gives(loss: str) -> None:
    one = problem(loss=loss)
    operator = GaussNewton(one.feature_map, LOSSES[loss], one.segmentation, DAMPING)
    inverse = IterativeInverse(operator, DAMPING, 1e-12, 1000)

    def scores(queries: torch.Tensor) -> torch.Tensor:
        found = role_scores(one.feature_map, LOSSES[loss], one.segmentation, inverse.solve(queries).values)
        return torch.stack([found.positive, found.negative])

    queries = gradients(one, 8)
    together = scores(queries)
    torch.testing.assert_close(together, torch.cat([scores(q[None]) for q in queries], 1), rtol=1e-9, atol=1e-12)
    assert (torch.corrcoef(together.sum(0)) - torch.eye(8)).abs().max() < 0.99, "the queries must differ"


def test_segmentations_are_averaged_and_their_spread_is_given() -> None:
    first, second = problem(batch_sizes=(7, 5)), problem(batch_sizes=(4, 4, 4))
    queries = gradients(first)
    parts = [role_scores(first.feature_map, LOSS, s, queries).both for s in (first.segmentation, second.segmentation)]
    found = segmented_scores(first.feature_map, LOSS, [first.segmentation, second.segmentation], queries)
    torch.testing.assert_close(found.mean.both, torch.stack(parts).mean(0))
    torch.testing.assert_close(found.std, torch.stack(parts).std(0))
    alone = segmented_scores(first.feature_map, LOSS, [first.segmentation], queries)
    assert alone.std.isnan().all()


def test_a_pair_left_out_of_every_batch_has_no_score() -> None:
    one = problem()
    kept = BatchSegmentation(one.segmentation.batches[:1], one.segmentation.num_pairs)
    found = role_scores(one.feature_map, LOSS, kept, gradients(one)).both
    outside = torch.as_tensor(kept.left_out)
    assert len(outside) == 5
    assert found[:, outside].isnan().all()
    assert found[:, torch.as_tensor(kept.batches[0])].isfinite().all()


def test_relative_influence_divides_by_the_change_and_is_zero_where_nothing_changes() -> None:
    found = relative_influence(torch.tensor([[2.0, -3.0, 0.0]]), torch.tensor([4.0, 1.0, 0.0]))
    assert found.tolist() == [[0.5, -3.0, 0.0]]


def test_the_identity_gives_gradient_dot_products() -> None:
    one = problem()
    queries = gradients(one)
    solution = IdentityCurvature().solve(queries)
    assert solution.iterations == 0
    found = role_scores(one.feature_map, LOSS, one.segmentation, solution.values).both
    torch.testing.assert_close(found, queries @ one.removal_gradients().T)


def test_a_gradient_per_single_pair_would_be_far_off() -> None:
    """vmap over single pairs sees batches of one, whose loss is constant: a tempting, wrong shortcut."""
    one = problem()
    theta = one.theta.clone().requires_grad_()
    alone = torch.autograd.grad(one.batch_loss(theta, [0]), theta)[0]
    truth = one.removal_gradient(0)
    assert alone.norm() < 1e-12 < 1e-3 < truth.norm()


class OnlyAsked:
    """A feature map that is not known to be cheap, and says what was asked of it."""

    def __init__(self, given: Any) -> None:
        self.given, self.asked = given, []
        self.features = given.features

    def tangents(self, texts: torch.Tensor, images: torch.Tensor, directions: torch.Tensor) -> Any:
        self.asked.append((len(texts), len(directions)))
        return self.given.tangents(texts, images, directions)


def test_several_segmentations_share_one_derivative_in_memory_or_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem()
    other = BatchSegmentation(tuple(np.split(np.arange(12), 3)), 12)
    directions = torch.randn(3, len(given.theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    both = [given.segmentation, other]
    alone = torch.stack([role_scores(given.feature_map, ClipLoss(), one, directions).both for one in both])
    bytes_each = 2 * 12 * 8 * given.feature_map.features(torch.arange(1), torch.arange(1)).text.shape[-1]
    ways = {"in blocks": (2 * bytes_each, [(12, 2), (12, 1)]), "on disk": (1, [(12, 3)]), "at once": (2**30, [(12, 3)])}
    for name, (kept_bytes, asked) in ways.items():
        monkeypatch.setattr("engine.influence.scores.KEPT_BYTES", kept_bytes)
        feature_map = OnlyAsked(given.feature_map)
        found = segmented_scores(feature_map, ClipLoss(), both, directions)
        assert feature_map.asked == asked, name
        torch.testing.assert_close(found.mean.both, alone.mean(0))
        torch.testing.assert_close(found.std, alone.std(0))
        assert found.std.min() > 0


def test_heads_are_differentiated_batch_by_batch_and_agree_with_kept_derivatives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = problem()
    directions = torch.randn(3, len(given.theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    both = [given.segmentation, BatchSegmentation(tuple(np.split(np.arange(12), 3)), 12)]
    kept = segmented_scores(OnlyAsked(given.feature_map), ClipLoss(), both, directions)
    for keeping in ("tangents_in_memory", "tangents_on_disk"):
        monkeypatch.setattr(f"engine.influence.scores.{keeping}", None)
    batchwise = segmented_scores(given.feature_map, ClipLoss(), both, directions)
    torch.testing.assert_close(batchwise.mean.both, kept.mean.both)
    torch.testing.assert_close(batchwise.std, kept.std)


def test_a_full_disk_for_derivatives_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem()
    both = [given.segmentation, BatchSegmentation(tuple(np.split(np.arange(12), 3)), 12)]
    monkeypatch.setattr("engine.influence.scores.KEPT_BYTES", 1)
    monkeypatch.setattr("engine.influence.tangents.shutil.disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(StorageError, match="TMPDIR"):
        segmented_scores(OnlyAsked(given.feature_map), ClipLoss(), both, given.theta[None])
