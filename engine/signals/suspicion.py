"""Suspicion: one number from all signals, learned without any label.

A small classifier learns from the signals alone to tell the data set's own pairs from pairs made wrong on purpose. Let
g(x) = density of made wrong pairs ÷ density of own pairs at signals x, which is the odds of a balanced classifier. If a
share π of the own pairs is wrong in that way, then exactly

    P(wrong | x) = π g(x)

although the own pairs are not clean (learning from positive and unlabelled data; Elkan and Noto 2008). Ordering by g is
optimal for the kind of wrong pair that was made. Two kinds are counted: captions from elsewhere, and, where pairs have
classes, captions of a class that theirs is confused with; the share of each is estimated (`share.py`). Near misses
cannot be told from right pairs surely enough to count them. All kinds together get a fixed small weight, so that they
decide where the counted ones are rare:

    suspicion ~ log [ π̂_elsewhere g_elsewhere(x) + π̂_confused g_confused(x) + 0.02 g_any(x) ]

A pair that was confused looks much like one from elsewhere, so the two shares are not added: the larger is reported.

The classifiers are regularised logistic regressions, each applied to folds that it was not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.signals.share import Share, share_of_wrong
from engine.signals.wrong_on_purpose import CONFUSED, ELSEWHERE

COUNTED = (ELSEWHERE, CONFUSED)
ANY_WEIGHT = 0.02
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
    found_again: dict[str, float]
    """how well pairs made wrong are told from the data set's own, by kind: area under the ROC curve, .5 is chance"""


def learn_suspicion(own: np.ndarray, folds: np.ndarray, made_wrong: dict[str, MadeWrong], seed: int) -> Suspected:
    """Tell the data set's pairs from pairs made wrong on purpose.

    Args:
        own: signals of the data set's pairs, oriented, `[pairs, signals]`; NaN where one says nothing.
        folds: fold in which each pair was scored, `[pairs]`.
        made_wrong: by kind; `ELSEWHERE` must be there.
        seed: of subsets and of the bootstrap.
    """
    own, made_wrong = _standardised(own, made_wrong)
    counted = [kind for kind in COUNTED if kind in made_wrong]
    fits = {kind: _cross_fitted(own, folds, made_wrong, [kind], seed) for kind in counted}
    shares = {kind: share_of_wrong(fit.own, fit.made_wrong[kind], seed) for kind, fit in fits.items()}
    largest = max(counted, key=lambda kind: shares[kind].value)
    weights = [max(shares[kind].value, LEAST_SHARE) for kind in counted]
    if len(made_wrong) > 1:
        fits["any"] = _cross_fitted(own, folds, made_wrong, list(made_wrong), seed)
        weights.append(ANY_WEIGHT)
    score = _either([fit.own for fit in fits.values()], weights)
    of_made = {kind: _either([fit.made_wrong[kind] for fit in fits.values()], weights) for kind in made_wrong}
    p_wrong = np.minimum(1.0, shares[largest].value * _density_ratio(score, of_made[largest]))
    found_again = {kind: _area(score, values) for kind, values in of_made.items()}
    return Suspected(score, p_wrong, shares[largest], fits[largest].contributions, found_again)


@dataclass(frozen=True)
class _Fit:
    """A cross-fitted classifier's log odds."""

    own: np.ndarray
    """`[pairs]`"""
    made_wrong: dict[str, np.ndarray]
    """by kind, `[candidates]`"""
    contributions: np.ndarray
    """see `Suspected`"""


def _either(log_odds: list[np.ndarray], weights: list[float]) -> np.ndarray:
    """Log of the weighted sum of odds."""
    return np.logaddexp.reduce([odds + np.log(weight) for odds, weight in zip(log_odds, weights, strict=True)])


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
    own: np.ndarray, folds: np.ndarray, made_wrong: dict[str, MadeWrong], kinds: list[str], seed: int
) -> _Fit:
    """Log odds that a pair is one of `kinds`, by classifiers of the other folds."""
    from sklearn.linear_model import LogisticRegression

    scores, contributions = np.zeros(len(own)), np.zeros_like(own)
    wrong_scores = {kind: np.zeros(len(made.folds)) for kind, made in made_wrong.items()}
    generator = np.random.default_rng(seed)
    for fold in np.unique(folds):
        own_rows = own[_some(np.flatnonzero(folds != fold), generator)]
        wrong_rows = np.concatenate(
            [
                made_wrong[kind].signals[_some(np.flatnonzero(made_wrong[kind].folds != fold), generator)]
                for kind in kinds
            ]
        )
        is_made = np.repeat([0, 1], [len(own_rows), len(wrong_rows)])
        weights = np.where(is_made, len(own_rows) / len(wrong_rows), 1.0)
        found = LogisticRegression(C=REGULARISATION, max_iter=500).fit(
            np.concatenate([own_rows, wrong_rows]), is_made, weights
        )
        here = folds == fold
        scores[here] = found.decision_function(own[here])
        contributions[here] = own[here] * found.coef_[0]
        for kind, made in made_wrong.items():
            there = made.folds == fold
            if there.any():
                wrong_scores[kind][there] = found.decision_function(made.signals[there])
    return _Fit(scores, wrong_scores, contributions)


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


def _area(own: np.ndarray, made_wrong: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.repeat([0, 1], [len(own), len(made_wrong)]), np.concatenate([own, made_wrong])))
