"""The estimated share of wrong pairs, on mixtures whose share is known."""

import warnings

import numpy as np
import pytest

from engine.signals.share import Share, share_of_wrong


def mixture(num_pairs: int, share: float, seed: int, distance: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the own pairs, exactly a share of them wrong, and of pairs made wrong."""
    generator = np.random.default_rng(seed)
    wrong = np.arange(num_pairs) < round(share * num_pairs)
    return distance * wrong + generator.normal(size=num_pairs), distance + generator.normal(size=num_pairs)


def estimates(share: float, num_pairs: int = 2000, repetitions: int = 20) -> list[Share]:
    return [share_of_wrong(*mixture(num_pairs, share, seed), seed) for seed in range(repetitions)]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.3])
def test_the_estimate_is_near_the_share_and_its_interval_mostly_holds_it(share: float) -> None:
    found = estimates(share)
    values = np.array([one.value for one in found])
    assert abs(values.mean() - share) < 0.01 + 0.1 * share  # a smallest ratio is a little low
    assert values.std() < 0.03
    held = np.mean([one.low <= share + 1e-9 and share <= one.high for one in found])
    assert held >= 0.7
    assert all(0 <= one.low <= one.value <= one.high <= min(1, one.value + 0.15) for one in found)


def test_more_wrong_pairs_are_a_larger_estimate() -> None:
    values = [share_of_wrong(*mixture(2000, share, 0), 0).value for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)]
    assert (np.diff(values) > 0).all() and values[0] < 0.01 and values[-1] > 0.8


def test_wrong_pairs_of_another_kind_are_not_counted() -> None:
    own, made = mixture(2000, 0.1, 0)
    near = np.random.default_rng(1).normal(0.5, 1, 600)  # hardly above the right ones
    assert share_of_wrong(np.concatenate([own, near]), made, 0).value < 0.1


def test_what_cannot_be_told_apart_is_no_error_and_the_same_seed_gives_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert share_of_wrong(np.zeros(50), np.zeros(50), 0).value == 0
        assert share_of_wrong(np.zeros(50), np.ones(50), 0) == Share(0.0, 0.0, 0.0)
        even = np.linspace(0, 1, 100)  # whose sums of parts come out a little above one
        assert share_of_wrong(np.linspace(0.05, 1, 100), even, 0).value > 0.9
    first = [share_of_wrong(*mixture(500, 0.2, 3), seed) for seed in (0, 0, 1)]
    assert first[0] == first[1] != first[2] and first[0].value == first[2].value
