"""Folds, and the space of a fold: what is scored has no say in it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import planted

from engine.crossfit.canonical import CanonicalHeads, Moments, fit_canonical
from engine.crossfit.folds import image_folds
from engine.crossfit.inputs import PairInputs
from engine.crossfit.spaces import LOGIT_SCALES, FoldFitter
from engine.signals import Space


def fitter(inputs: PairInputs, num_folds: int = 3) -> FoldFitter:
    return FoldFitter(inputs, image_folds(inputs.image_ids, num_folds, 0))


def heads_of(one: FoldFitter, fold: int, inputs: PairInputs, trust: torch.Tensor) -> CanonicalHeads:
    return one.model(fold, inputs, one.moments(inputs, trust), trust).heads


def space_of(one: FoldFitter, fold: int, inputs: PairInputs, trust: torch.Tensor) -> Space:
    everyone = torch.arange(len(inputs))
    return one.model(fold, inputs, one.moments(inputs, trust), trust).space(everyone, everyone, trust, None, None)


def ones(inputs: PairInputs) -> torch.Tensor:
    return torch.ones(len(inputs), dtype=inputs.image.dtype)


@pytest.mark.parametrize("num_folds", [2, 5])
def test_a_picture_is_in_one_fold_and_folds_are_nearly_equal(num_folds: int) -> None:
    generator = np.random.default_rng(0)
    for num_pictures in (20, 200, 10**6):
        image_ids = generator.integers(0, num_pictures, 300)
        folds = image_folds(image_ids, num_folds, 1)
        assert all(len(np.unique(folds[image_ids == one])) == 1 for one in np.unique(image_ids))
        sizes = np.bincount(folds, minlength=num_folds)
        assert sizes.max() - sizes.min() <= np.bincount(np.unique(image_ids, return_inverse=True)[1]).max()
        np.testing.assert_array_equal(folds, image_folds(image_ids, num_folds, 1))
        assert (folds != image_folds(image_ids, num_folds, 2)).mean() > 0.2
    assert sizes.max() - sizes.min() <= 1  # all pictures differ


def test_folds_are_random_and_not_the_order_of_the_table() -> None:
    folds = image_folds(np.arange(1000), 5, 0)
    assert [np.bincount(folds[:500], minlength=5).max() < 130, (np.diff(folds) != 0).mean() > 0.7] == [True, True]


def test_the_scored_fold_has_no_say_in_its_heads() -> None:
    inputs = planted(120).inputs
    one, trust = fitter(inputs), ones(inputs)
    rows = one.rows(1)
    generator = torch.Generator().manual_seed(0)
    changed = {}
    for side in ("image", "text"):
        features = getattr(inputs, side).clone()
        features[rows] += torch.randn(len(rows), 16, generator=generator, dtype=torch.float64)
        changed[side] = features
    other, less = fitter(replace(inputs, **changed)), trust.clone()
    less[rows] = 0.3
    before, after = heads_of(one, 1, one.inputs, trust), heads_of(other, 1, other.inputs, less)
    for name in ("image_map", "text_map", "image_mean", "text_mean", "fitted_correlations"):
        assert torch.equal(getattr(before, name), getattr(after, name))
    assert not torch.allclose(
        heads_of(one, 0, one.inputs, trust).image_map.abs(), heads_of(other, 0, other.inputs, trust).image_map.abs()
    )


def test_a_pair_without_trust_is_out_of_training_and_of_calibration() -> None:
    inputs = planted(120).inputs
    one, trust = fitter(inputs), ones(inputs)
    trust[::4] = 0.0
    heads = heads_of(one, 0, inputs, trust)
    kept = torch.as_tensor(one.folds != 0) & (trust > 0)
    expected = fit_canonical(Moments.of(inputs.image[kept], inputs.text[kept], trust[kept]), trust)
    torch.testing.assert_close(heads.fitted_correlations, expected.fitted_correlations)
    spoiled = replace(inputs, text=torch.where(trust[:, None] == 0, 5.0, inputs.text))
    again = heads_of(fitter(spoiled), 0, spoiled, trust)
    torch.testing.assert_close(again.fitted_correlations, heads.fitted_correlations)
    rows = one.rows(0)
    space = space_of(one, 0, inputs, trust)
    trusted = rows[trust[rows] > 0]
    first, second = heads.image_variates(inputs.image)[trusted], heads.text_variates(inputs.text)[trusted]
    by_hand = (first * second).sum(0) / ((first**2).sum(0) * (second**2).sum(0)).sqrt()
    torch.testing.assert_close(space.variates.correlations, by_hand.clamp(0, 0.98))
    assert by_hand.max() > 0.5 and len(trusted) < len(rows)


def test_a_space_is_the_heads_view_of_all_pairs_at_the_temperature_of_least_loss() -> None:
    inputs = planted(120, share=0.0).inputs
    one, trust = fitter(inputs), ones(inputs)
    heads = heads_of(one, 2, inputs, trust)
    space, rows = space_of(one, 2, inputs, trust), one.rows(2)
    scaled = (inputs.image - heads.image_mean) @ heads.image_map.T * heads.fitted_correlations**2
    torch.testing.assert_close(space.image, scaled / scaled.norm(dim=1, keepdim=True))
    similarity = space.text[rows] @ space.image[rows].T
    entropy = torch.nn.functional.cross_entropy
    losses = [
        float(
            entropy(scale * similarity, torch.arange(len(rows)))
            + entropy(scale * similarity.T, torch.arange(len(rows)))
        )
        for scale in LOGIT_SCALES
    ]
    assert space.logit_scale == LOGIT_SCALES[int(np.argmin(losses))] and max(losses) > min(losses) + 0.01
    assert LOGIT_SCALES[0] <= space.logit_scale < LOGIT_SCALES[-1]
