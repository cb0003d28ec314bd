"""Figures of a ranking against scikit-learn and against counting, with ties and weights."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from engine.detection.judge import FIGURES, auroc, figures, resample_weights


def ranking(seed: int = 0, pairs: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    is_wrong = generator.random(pairs) < 0.2
    return (generator.normal(size=pairs) + is_wrong).round(1), is_wrong


def test_the_auroc_is_the_share_of_rightly_ordered_couples_with_ties_half() -> None:
    scores, is_wrong = ranking(pairs=60)
    couples = [(a > b) + (a == b) / 2 for a in scores[is_wrong] for b in scores[~is_wrong]]
    assert auroc(scores, is_wrong) == pytest.approx(np.mean(couples))
    assert auroc(-scores, is_wrong) == pytest.approx(1 - np.mean(couples))
    assert 0.6 < np.mean(couples) < 0.95 and any(couple == 0.5 for couple in couples)
    assert np.isnan(auroc(scores, np.zeros(60, dtype=bool)))


def test_the_figures_are_those_of_scikit_learn_ties_included() -> None:
    scores, is_wrong = ranking()
    found = dict(zip(FIGURES, figures(scores, is_wrong)[0], strict=True))
    assert found["auroc"] == pytest.approx(roc_auc_score(is_wrong, scores)) == pytest.approx(auroc(scores, is_wrong))
    assert found["average_precision"] == pytest.approx(average_precision_score(is_wrong, scores))
    assert len(np.unique(scores)) < len(scores)


def test_precision_at_a_depth_is_a_count_and_ties_at_the_depth_share() -> None:
    scores = np.array([5.0, 4, 3, 3, 3, 3, 2, 1, 0, 0] * 10)
    is_wrong = np.tile([True, False, True, True, False, False, True, False, False, False], 10)
    found = dict(zip(FIGURES, figures(scores, is_wrong)[0], strict=True))
    assert found["precision_at_1_percent"] == found["precision_at_5_percent"] == 1  # ten scores of 5, all wrong
    assert found["precision_at_num_wrong"] == pytest.approx((10 + 20 * 0.5) / 40)
    untied = figures(np.arange(100.0), is_wrong)[0]
    assert untied[FIGURES.index("precision_at_num_wrong")] == pytest.approx(is_wrong[-40:].mean())


def test_a_weight_counts_a_pair_that_often() -> None:
    scores, is_wrong = ranking()
    weights = resample_weights(len(scores), 120, seed=0)
    found = figures(scores, is_wrong, weights)
    for row in (0, 119):
        drawn = np.repeat(np.arange(len(scores)), weights[row].astype(int))
        np.testing.assert_allclose(found[row], figures(scores[drawn], is_wrong[drawn])[0])
    assert found.std(0).min() > 0 and (weights.sum(1) == len(scores)).all()
    assert (weights == resample_weights(len(scores), 120, seed=0)).all()


def test_a_signal_that_does_not_apply_is_middling_and_one_without_values_has_no_figure() -> None:
    scores, is_wrong = ranking()
    some = scores.copy()
    some[::3] = np.nan
    middling = np.where(np.isnan(some), np.nanmedian(some), some)
    np.testing.assert_array_equal(figures(some, is_wrong), figures(middling, is_wrong))
    assert not np.allclose(figures(some, is_wrong), figures(scores, is_wrong))
    assert np.isnan(figures(np.full(300, np.nan), is_wrong)).all()
    assert np.isnan(figures(scores, np.zeros(300, dtype=bool))).all()
