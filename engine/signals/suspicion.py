"""Suspicion: one number from all signals, learned without any label.

A small classifier learns from the signals alone to tell the data set's own pairs from pairs made wrong on purpose. Let
g(x) = density of made wrong pairs ÷ density of own pairs at signals x, which is the odds of a balanced classifier. If a
share π of the own pairs is wrong in that way, then exactly

    P(wrong | x) = π g(x)

although the own pairs are not clean (learning from positive and unlabelled data; Elkan and Noto 2008). Ordering by g is
optimal for the kind of wrong pair that was made. Two kinds are made: captions from elsewhere, whose share is
estimated (`share.py`), and near misses, which cannot be told from right pairs surely enough to count them; they get
a fixed small weight, so that they decide where captions from elsewhere are rare:

    suspicion ~ log [ π̂ g_elsewhere(x) + 0.02 g_any(x) ]

The classifiers are regularised logistic regressions, each applied to folds that it was not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.signals.share import Share, share_of_wrong
from engine.signals.wrong_on_purpose import ELSEWHERE

NEAR_WEIGHT = 0.02
LEAST_SHARE = 0.002
REGULARISATION = 0.003
"""C of scikit-learn's logistic regression: signals say nearly the same, so weights are kept close together"""
LARGEST_DEVIATION = 4.0
"""standardised signals are clipped here"""
MOST_ROWS = 50_000
"""own pairs (and as many made wrong) that a classifier is fitted to"""


@dataclass(frozen=True)
class MadeWrong:
    """Signals of pairs made wrong on purpose."""

    folds: np.ndarray
    """fold of the model that scored each, `[candidates]`"""
    signals: np.ndarray
    """oriented so that higher is more suspect, `[candidates, signals]`"""


@dataclass(frozen=True)
class Suspected:
    """What the signals amount to."""

    score: np.ndarray
    """log odds up to a constant, `[pairs]`; higher is more suspect"""
    p_wrong: np.ndarray
    """estimated probability of a wrong caption of the counted kind, `[pairs]`, 0 … 1"""
    share: Share
    """estimated share of wrong pairs"""
    contributions: np.ndarray
    """what each signal adds to the log odds, `[pairs, signals]`"""


def learn_suspicion(own: np.ndarray, folds: np.ndarray, made_wrong: dict[str, MadeWrong], seed: int) -> Suspected:
    """Tell the data set's pairs from pairs made wrong on purpose.

    Args:
        own: signals of the data set's pairs, oriented, `[pairs, signals]`; NaN where one says nothing.
        folds: fold in which each pair was scored, `[pairs]`.
        made_wrong: by kind; `ELSEWHERE` must be there.
        seed: of subsets and of the bootstrap.
    """
    own, made_wrong = _standardised(own, made_wrong)
    elsewhere = made_wrong[ELSEWHERE]
    score, of_made, contributions = _cross_fitted(own, folds, [elsewhere], seed)
    share = share_of_wrong(score, of_made, seed)
    if len(made_wrong) > 1:
        any_score, of_any, _ = _cross_fitted(own, folds, list(made_wrong.values()), seed)
        score = _either(score, any_score, share)
        of_made = _either(of_made, of_any[: len(of_made)], share)
    return Suspected(score, np.minimum(1.0, share.value * _density_ratio(score, of_made)), share, contributions)


def _either(elsewhere: np.ndarray, anything: np.ndarray, share: Share) -> np.ndarray:
    return np.logaddexp(elsewhere + np.log(max(share.value, LEAST_SHARE)), anything + np.log(NEAR_WEIGHT))


def _standardised(own: np.ndarray, made_wrong: dict[str, MadeWrong]) -> tuple[np.ndarray, dict[str, MadeWrong]]:
    """In standard deviations from the median of the own pairs; 0 where a signal says nothing."""
    speaks = np.isfinite(own).any(0)
    middle, spread = np.zeros(own.shape[1]), np.ones(own.shape[1])
    middle[speaks] = np.nanmedian(own[:, speaks], 0)
    spread[speaks] = np.nanstd(own[:, speaks], 0)
    spread[spread == 0] = 1.0

    def scaled(values: np.ndarray) -> np.ndarray:
        deviations = np.clip((values - middle) / spread, -LARGEST_DEVIATION, LARGEST_DEVIATION)
        return np.nan_to_num(deviations * speaks)

    return scaled(own), {kind: MadeWrong(one.folds, scaled(one.signals)) for kind, one in made_wrong.items()}


def _cross_fitted(
    own: np.ndarray, folds: np.ndarray, made: list[MadeWrong], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log odds of own pairs and of made wrong ones by classifiers of the other folds; contributions of the signals."""
    from sklearn.linear_model import LogisticRegression

    wrong, wrong_folds = np.concatenate([one.signals for one in made]), np.concatenate([one.folds for one in made])
    scores, wrong_scores, contributions = np.zeros(len(own)), np.zeros(len(wrong)), np.zeros_like(own)
    generator = np.random.default_rng(seed)
    for fold in np.unique(folds):
        own_rows = _some(np.flatnonzero(folds != fold), generator)
        wrong_rows = _some(np.flatnonzero(wrong_folds != fold), generator)
        rows = np.concatenate([own[own_rows], wrong[wrong_rows]])
        is_made = np.repeat([0, 1], [len(own_rows), len(wrong_rows)])
        weights = np.where(is_made, len(own_rows) / len(wrong_rows), 1.0)
        found = LogisticRegression(C=REGULARISATION, max_iter=500).fit(rows, is_made, weights)
        here, there = folds == fold, wrong_folds == fold
        scores[here] = found.decision_function(own[here])
        contributions[here] = own[here] * found.coef_[0]
        if there.any():
            wrong_scores[there] = found.decision_function(wrong[there])
    return scores, wrong_scores, contributions


def _some(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= MOST_ROWS else generator.choice(rows, MOST_ROWS, replace=False)


def _density_ratio(own: np.ndarray, made_wrong: np.ndarray) -> np.ndarray:
    """Density of made wrong ÷ density of own pairs at each own score, rising with the score, `[pairs]`."""
    from sklearn.isotonic import IsotonicRegression

    is_made = np.repeat([0.0, 1.0], [len(own), len(made_wrong)])
    weights = np.where(is_made == 1.0, 1.0 / len(made_wrong), 1.0 / len(own))
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    chance = fitted.fit(np.concatenate([own, made_wrong]), is_made, sample_weight=weights).predict(own)
    return chance / np.maximum(1.0 - chance, 1e-9)
