"""Heads in closed form, against a dense generalised eigenproblem and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from sklearn.cross_decomposition import CCA

from engine.crossfit import canonical
from engine.crossfit.canonical import LARGEST_CORRELATION, RIDGE, CanonicalHeads, Moments, held_out_correlations
from engine.crossfit.canonical import fit_canonical as fit_to_moments


def drawn(num_pairs: int = 80, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of 5 and 4 dimensions that agree in part, far from the origin."""
    generator = torch.Generator().manual_seed(seed)
    hidden, *noise = (
        torch.randn(num_pairs, size, generator=generator, dtype=torch.float64) for size in (3, 5, 4, 15, 12)
    )
    views = torch.randn(3, 9, generator=generator, dtype=torch.float64)
    return hidden @ views[:, :5] + noise[0] + 3, hidden @ views[:, 5:] + noise[1] - 2


def fit_canonical(image: torch.Tensor, text: torch.Tensor, weights: torch.Tensor) -> CanonicalHeads:
    return fit_to_moments(Moments.of(image, text, weights), image)


def weighted_correlations(first: torch.Tensor, second: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Of variates themselves: by heads that change nothing."""
    nothing, same = torch.zeros(first.shape[1]).double(), torch.eye(first.shape[1]).double()
    heads = CanonicalHeads(nothing, nothing, same, same, nothing)
    return held_out_correlations(heads, Moments.of(first, second, weights))


def test_correlations_solve_the_ridged_generalised_eigenproblem() -> None:
    image, text = drawn()
    weights = torch.rand(80, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = fit_canonical(image, text, weights)
    share = (weights / weights.sum()).numpy()
    both = np.concatenate([image.numpy(), text.numpy()], 1)
    centred = both - share @ both
    covariance = centred.T @ (share[:, None] * centred)
    effective = 1 / (share**2).sum()
    own = np.zeros_like(covariance)
    for side, dim in ((slice(0, 5), 5), (slice(5, 9), 4)):
        block = covariance[side, side]
        own[side, side] = block + (RIDGE + dim / effective) * np.trace(block) / dim * np.eye(dim)
    cross = covariance.copy()
    cross[:5, :5] = cross[5:, 5:] = 0
    expected = eigh(cross, own, eigvals_only=True)[::-1][:4]  # ± each correlation, and zeros
    np.testing.assert_allclose(found.fitted_correlations.numpy(), expected, atol=1e-12)
    assert found.fitted_correlations[0] > 0.5 > found.fitted_correlations[-1] > 0
    np.testing.assert_allclose(found.image_mean.numpy(), share @ image.numpy())
    variates = np.concatenate([found.image_map.numpy(), found.text_map.numpy()], 1)
    np.testing.assert_allclose(variates[:, :5] @ own[:5, :5] @ variates[:, :5].T, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(variates[:, :5] @ cross[:5, 5:] @ variates[:, 5:].T, np.diag(expected), atol=1e-10)


def test_without_a_ridge_they_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    image, text = drawn(4000)
    monkeypatch.setattr(canonical, "RIDGE", -5 / 4000)  # cancels dim/pairs of the wider side
    found = fit_canonical(image, text, torch.ones(4000, dtype=torch.float64))
    theirs = CCA(4, scale=False, max_iter=5000, tol=1e-12).fit(image.numpy(), text.numpy())
    first, second = theirs.transform(image.numpy(), text.numpy())
    expected = [np.corrcoef(first[:, one], second[:, one])[0, 1] for one in range(4)]
    np.testing.assert_allclose(found.fitted_correlations.numpy(), expected, atol=2e-3)
    mine = weighted_correlations(
        found.image_variates(image), found.text_variates(text), torch.ones(4000, dtype=torch.float64)
    )
    np.testing.assert_allclose(mine.numpy(), expected, atol=2e-3)
    assert expected[0] > 0.6
    centred_by_heads = held_out_correlations(found, Moments.of(image, text, torch.ones(4000).double()))
    np.testing.assert_allclose(centred_by_heads.numpy(), mine.numpy())


def test_moments_of_parts_add_up_to_those_of_all_also_in_single_precision() -> None:
    image, text = drawn()
    weights = torch.rand(80, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole = fit_canonical(image, text, weights)
    parts = [Moments.of(image[some], text[some], weights[some]) for some in torch.arange(80).split(7)]
    by_parts = fit_to_moments(sum(parts[1:], start=parts[0]), image)
    torch.testing.assert_close(by_parts.image_variates(image).abs(), whole.image_variates(image).abs())
    far = 1000 + image.float()
    single = fit_canonical(far, text.float(), weights.float())
    assert single.image_map.dtype == torch.float32
    torch.testing.assert_close(single.fitted_correlations.double(), whole.fitted_correlations, rtol=1e-3, atol=1e-4)


def test_a_pair_of_weight_zero_is_absent() -> None:
    image, text = drawn()
    weights = torch.cat([torch.zeros(30), torch.ones(50)]).double()
    found, without = fit_canonical(image, text, weights), fit_canonical(image[30:], text[30:], weights[30:])
    everyone = fit_canonical(image, text, torch.ones(80).double())
    for name in ("image_mean", "text_mean", "fitted_correlations"):
        torch.testing.assert_close(getattr(found, name), getattr(without, name))
    torch.testing.assert_close(found.image_variates(image).abs(), without.image_variates(image).abs())
    assert not torch.allclose(found.fitted_correlations, everyone.fitted_correlations, rtol=1e-3)


def test_repeating_every_pair_as_often_as_its_weight_gives_the_same_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same ridge, which depends on how many pairs there are."""
    image, text = drawn()
    times = torch.arange(80) % 3
    repeated = torch.arange(80).repeat_interleave(times)
    real = canonical._inverse_root
    monkeypatch.setattr(canonical, "_inverse_root", lambda covariance, num_pairs: real(covariance, 50.0))
    found = fit_canonical(image, text, times.double())
    by_rows = fit_canonical(image[repeated], text[repeated], torch.ones(len(repeated)).double())
    torch.testing.assert_close(found.fitted_correlations, by_rows.fitted_correlations)
    torch.testing.assert_close(found.image_variates(image).abs(), by_rows.image_variates(image).abs())
    first, second = found.image_variates(image), found.text_variates(text)
    torch.testing.assert_close(
        weighted_correlations(first, second, times.double()),
        weighted_correlations(first[repeated], second[repeated], torch.ones(len(repeated)).double()),
    )
    assert not torch.allclose(
        found.fitted_correlations, fit_canonical(image, text, torch.ones(80).double()).fitted_correlations, rtol=1e-3
    )


def test_the_scale_and_place_of_features_do_not_matter() -> None:
    image, text = drawn()
    ones = torch.ones(80).double()
    first, second = fit_canonical(image, text, ones), fit_canonical(100 * image + 7, 0.01 * text - 1, 5 * ones)
    torch.testing.assert_close(first.fitted_correlations, second.fitted_correlations)
    torch.testing.assert_close(first.image_variates(image).abs(), second.image_variates(100 * image + 7).abs())


def test_correlations_stay_below_one_also_without_any_variance() -> None:
    image, _ = drawn()
    ones = torch.ones(80).double()
    assert weighted_correlations(image, image, ones).tolist() == [LARGEST_CORRELATION] * 5
    assert weighted_correlations(image, -image, ones).tolist() == [0.0] * 5
    assert weighted_correlations(0 * image, image, ones).tolist() == [0.0] * 5
