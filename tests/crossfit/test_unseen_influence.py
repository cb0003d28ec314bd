"""Influence at heads that have not seen the pair, against autograd on L(B) − L(B without the pair)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from oracles import clip_batch_loss
from planted import Planted, planted

from engine.batches import seeded_segmentations
from engine.crossfit.canonical import CanonicalHeads, Moments, fit_canonical
from engine.crossfit.unseen_influence import CLUSTERS, SIGNS, ValidationQueries, _clusters
from engine.crossfit.unseen_influence import unseen_influence as influence_by_queries

SCALE = 12.0
ROWS = torch.arange(0, 40)


@pytest.fixture(scope="module")
def one() -> Planted:
    return planted(120, 0.3, num_validation=130, dim=6)


@pytest.fixture(scope="module")
def heads(one: Planted) -> CanonicalHeads:
    rest = slice(40, None)
    return fit_canonical(
        Moments.of(one.inputs.image[rest], one.inputs.text[rest], torch.ones(80).double()), one.inputs.text
    )


def unseen_influence(inputs, rows, heads, scale, seed) -> pd.DataFrame:
    queries = ValidationQueries.at(inputs, heads, scale, seed)
    return pd.DataFrame(influence_by_queries(inputs, rows, queries, seed), columns=list(SIGNS))


def logits(theta: list[torch.Tensor], heads: CanonicalHeads, inputs, rows) -> torch.Tensor:
    """By two matrices `[variates, dim]`; biases stay as they are."""
    sides = []
    for matrix, side, mean, fitted in (
        (theta[0], inputs.text, heads.text_mean, heads.text_map),
        (theta[1], inputs.image, heads.image_mean, heads.image_map),
    ):
        bias = -(heads.fitted_correlations**2)[:, None] * fitted @ mean
        sides.append(torch.nn.functional.normalize(side[rows] @ matrix.T + bias, dim=1))
    return SCALE * sides[0] @ sides[1].T


def parameters(heads: CanonicalHeads) -> list[torch.Tensor]:
    scale = (heads.fitted_correlations**2)[:, None]
    return [(scale * matrix).clone().requires_grad_() for matrix in (heads.text_map, heads.image_map)]


def gradient(value: torch.Tensor, theta: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(value, theta)])


def test_influence_is_the_product_of_validation_and_removal_gradients(one: Planted, heads: CanonicalHeads) -> None:
    found = unseen_influence(one.inputs, ROWS, heads, SCALE, 0)
    theta, validation = parameters(heads), one.inputs.validation
    query = gradient(clip_batch_loss(logits(theta, heads, validation, torch.arange(130))) / 130, theta)
    conflicts = np.stack([one.inputs.caption_ids, one.inputs.image_ids], 1)[:40]
    batch = seeded_segmentations(conflicts, 40, 1, 0)[0][0].batches[0].tolist()
    removals = []
    for pair in range(40):
        rest = [other for other in batch if other != pair]
        both = [clip_batch_loss(logits(theta, heads, one.inputs, torch.tensor(rows))) for rows in (batch, rest)]
        removals.append(gradient(both[0] - both[1], theta))
    removals = torch.stack(removals)
    np.testing.assert_allclose(found["unseen_influence"], (removals @ query).numpy(), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(
        found["unseen_influence"], found["unseen_influence_positive"] + found["unseen_influence_negative"], atol=1e-12
    )
    size = removals.square().sum(1).numpy()
    ratio = found["unseen_self_influence"].to_numpy() / size
    assert 0.7 < ratio.mean() < 1.3 and 0.05 < ratio.std() < 0.8  # 16 random directions
    np.testing.assert_allclose(
        found["unseen_relative_influence"],
        found["unseen_influence"] / found["unseen_self_influence"] ** 0.5 * 40,
        rtol=1e-8,
    )
    assert found["unseen_influence"].std() > 0


def test_influence_on_the_only_cluster_is_influence_on_all_of_validation(
    one: Planted, heads: CanonicalHeads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single cluster is the whole validation split."""
    monkeypatch.setattr("engine.crossfit.unseen_influence._clusters", lambda points, seed: np.zeros(130, dtype=int))
    found = unseen_influence(one.inputs, ROWS, heads, SCALE, 0)
    np.testing.assert_allclose(found["unseen_influence_related"], found["unseen_influence"], rtol=1e-9)


def test_related_validation_pairs_weigh_more_than_others(one: Planted, heads: CanonicalHeads) -> None:
    found = unseen_influence(one.inputs, ROWS, heads, SCALE, 0)
    assert np.corrcoef(found["unseen_influence_related"], found["unseen_influence"])[0, 1] < 0.99
    again = unseen_influence(one.inputs, ROWS, heads, SCALE, 0)
    assert again.equals(found)


def test_few_different_validation_pairs_make_fewer_clusters(one: Planted, heads: CanonicalHeads) -> None:
    three = torch.arange(130) % 3
    held_out = one.inputs.validation
    same = replace(held_out, image=held_out.image[three], text=held_out.text[three])
    found = unseen_influence(replace(one.inputs, validation=same), ROWS, heads, SCALE, 0)
    assert found.notna().all(axis=None)
    assert len(np.unique(_clusters(same.image, 0))) == 3 < len(np.unique(_clusters(held_out.image, 0))) == CLUSTERS


def test_a_step_that_takes_a_pair_out_changes_the_validation_loss_as_its_influence_says(
    one: Planted, heads: CanonicalHeads
) -> None:
    """The sign: influence < 0 is a pair whose removal lowers the validation loss."""
    found = unseen_influence(one.inputs, ROWS, heads, SCALE, 0)["unseen_influence"].to_numpy()
    theta, validation = parameters(heads), one.inputs.validation
    asked = [int(found.argmin()), int(found.argmax())]
    assert found[asked[0]] < 0 < found[asked[1]]
    for pair in asked:
        whole = clip_batch_loss(logits(theta, heads, one.inputs, ROWS))
        without = clip_batch_loss(
            logits(theta, heads, one.inputs, torch.tensor([row for row in range(40) if row != pair]))
        )
        step = torch.autograd.grad(whole - without, theta)
        size = 1e-8
        losses = [
            clip_batch_loss(logits(moved, heads, validation, torch.arange(130))).item() / 130
            for moved in (theta, [part + size * change for part, change in zip(theta, step, strict=True)])
        ]
        np.testing.assert_allclose((losses[1] - losses[0]) / size, found[pair], rtol=0.02)
