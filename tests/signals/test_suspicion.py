"""Suspicion learned without labels, on mixtures whose best possible order and probability are known."""

import numpy as np
import pytest

from engine.detection.judge import auroc
from engine.signals.suspicion import MadeWrong, learn_suspicion
from engine.signals.wrong_on_purpose import ELSEWHERE, NEAR

SHIFTS = np.array([2.0, 1.0, 0.0])
"""of wrong pairs in each signal; the last is noise"""


def mixture(num_pairs: int = 3000, share: float = 0.2, seed: int = 0):
    """Own signals, folds, signals of pairs made wrong, the truth and the true probability of being wrong."""
    generator = np.random.default_rng(seed)
    is_wrong = np.arange(num_pairs) % 1000 < share * 1000
    own = generator.normal(size=(num_pairs, 3)) + is_wrong[:, None] * SHIFTS
    made = generator.normal(size=(num_pairs, 3)) + SHIFTS
    folds = generator.integers(0, 5, num_pairs)
    odds = share / (1 - share) * np.exp(own @ SHIFTS - SHIFTS @ SHIFTS / 2)
    return own, folds, {ELSEWHERE: MadeWrong(folds, made)}, is_wrong, odds / (1 + odds)


def test_the_order_is_nearly_the_best_possible_although_no_label_is_seen() -> None:
    own, folds, made, is_wrong, best = mixture()
    found = learn_suspicion(own, folds, made, 0)
    assert auroc(best, is_wrong) - 0.01 < auroc(found.score, is_wrong) < 0.99
    assert auroc(found.score, is_wrong) > max(auroc(column, is_wrong) for column in own.T)
    assert found.found_again.keys() == {ELSEWHERE} and 0.8 < found.found_again[ELSEWHERE] < 0.95


def test_probabilities_are_those_of_the_mixture() -> None:
    own, folds, made, is_wrong, best = mixture(10_000)
    found = learn_suspicion(own, folds, made, 0)
    assert np.abs(found.p_wrong - best).mean() < 0.05
    for low in (0.0, 0.25, 0.5, 0.75):
        inside = (found.p_wrong >= low) & (found.p_wrong <= low + 0.25)
        assert abs(found.p_wrong[inside].mean() - is_wrong[inside].mean()) < 0.12 and inside.sum() > 100
    assert found.p_wrong.mean() == pytest.approx(found.share.value, abs=0.02)
    order = np.argsort(found.score)
    assert (np.diff(found.p_wrong[order]) >= 0).all()


def test_contributions_and_an_intercept_are_the_log_odds() -> None:
    own, folds, made, is_wrong, _ = mixture()
    found = learn_suspicion(own, folds, made, 0)
    rest = found.score - found.contributions.sum(1)
    for fold in range(5):
        assert np.ptp(rest[folds == fold]) < 1e-9
    assert len(np.unique(rest.round(9))) == 5
    size = np.abs(found.contributions).mean(0)
    assert size[0] > size[1] > 3 * size[2]
    assert found.contributions[is_wrong, 0].mean() > 0 > found.contributions[~is_wrong, 0].mean()


def test_signals_that_say_nothing_change_nothing() -> None:
    own, folds, made, _, _ = mixture(1000)
    silent = np.stack([np.full(1000, np.nan), np.full(1000, 3.0)], 1)
    more = {ELSEWHERE: MadeWrong(folds, np.concatenate([made[ELSEWHERE].signals, silent], 1))}
    found = learn_suspicion(np.concatenate([own, silent], 1), folds, more, 0)
    plain = learn_suspicion(own, folds, made, 0)
    np.testing.assert_allclose(found.score, plain.score, atol=1e-4)
    assert (found.contributions[:, 3:] == 0).all() and np.ptp(plain.score) > 1
    gaps = own.copy()
    gaps[::10, 0] = np.nan
    holed = learn_suspicion(gaps, folds, made, 0)
    assert np.isfinite(holed.score).all() and (holed.contributions[::10, 0] == 0).all()


def test_the_unit_of_a_signal_and_the_order_of_pairs_do_not_matter() -> None:
    own, folds, made, _, _ = mixture(1000)
    plain = learn_suspicion(own, folds, made, 0)
    unit, zero = np.array([10.0, 0.01, 1.0]), np.array([5.0, 0.0, -3.0])
    scaled = {ELSEWHERE: MadeWrong(folds, made[ELSEWHERE].signals * unit + zero)}
    np.testing.assert_allclose(learn_suspicion(own * unit + zero, folds, scaled, 0).score, plain.score, atol=1e-4)
    order = np.random.default_rng(0).permutation(1000)
    shuffled = learn_suspicion(own[order], folds[order], made, 0)
    np.testing.assert_allclose(shuffled.score, plain.score[order], atol=1e-4)
    np.testing.assert_allclose(shuffled.p_wrong, plain.p_wrong[order], atol=0.01)
    assert shuffled.share.value == pytest.approx(plain.share.value, abs=0.002)


def test_near_misses_decide_where_captions_from_elsewhere_are_rare() -> None:
    own, folds, made, _, _ = mixture(4000, share=0.0)
    generator = np.random.default_rng(1)
    near_shift = np.array([0.0, 0.0, 2.0])  # the signal that is no use against captions from elsewhere
    is_near = np.arange(4000) < 400
    own = own + is_near[:, None] * near_shift
    both = made | {NEAR: MadeWrong(folds, generator.normal(size=(4000, 3)) + near_shift)}
    alone, together = (learn_suspicion(own, folds, kinds, 0) for kinds in (made, both))
    assert auroc(together.score, is_near) > auroc(alone.score, is_near) + 0.1
    assert together.found_again[NEAR] > 0.7 and together.share.value < 0.05
    own, folds, made, is_wrong, _ = mixture(4000, share=0.3)
    both = made | {NEAR: MadeWrong(folds, generator.normal(size=(4000, 3)) + near_shift)}
    kept = auroc(learn_suspicion(own, folds, both, 0).score, is_wrong)
    assert kept > auroc(learn_suspicion(own, folds, made, 0).score, is_wrong) - 0.02


def test_no_pair_is_judged_by_a_classifier_that_was_fitted_to_it() -> None:
    own, folds, made, _, _ = mixture(500)
    changed = own.copy()
    row = int(np.flatnonzero(folds == 2)[0])
    order = np.argsort(changed[:, 0])  # a swap leaves median and deviation as they are
    same_fold = order[folds[order] == 2]
    other = int(same_fold[-1] if same_fold[-1] != row else same_fold[-2])
    changed[[row, other]] = changed[[other, row]]
    before, after = (learn_suspicion(values, folds, made, 0).score for values in (own, changed))
    np.testing.assert_allclose(after[[row, other]], before[[other, row]], rtol=1e-12)
    assert before[row] != before[other]
