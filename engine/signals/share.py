"""How many pairs are wrong: what share of known wrong pairs fits into the data set's own, at every threshold.

If a share π of the data set looks like pairs made wrong on purpose, then at every threshold t of a score
P(own > t) ≥ π P(made wrong > t), with equality where right pairs never reach. So the smallest ratio estimates π
(mixture proportion estimation; Blanchard, Lee and Scott 2010). The threshold is that of the smallest ratio plus three
standard errors, or chance would choose it. Wrong pairs of a kind that was not made on purpose, such
as near misses, are not counted: the estimate is a lower one then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.02, 0.8, 60)
"""quantiles of the made wrong pairs at which ratios are taken: from nearly all of them to their top fifth"""
RESAMPLES = 200
CAUTION = 3.0
"""standard errors"""


@dataclass(frozen=True)
class Share:
    """A share of wrong pairs with an interval meant to hold it in 90 % of data sets, 0 … 1."""

    value: float
    low: float
    high: float


def share_of_wrong(own: np.ndarray, made_wrong: np.ndarray, seed: int) -> Share:
    """Estimate the share of wrong pairs.

    Args:
        own: score of the data set's pairs, `[pairs]`; higher is more suspect.
        made_wrong: the same score of pairs made wrong on purpose, `[candidates]`.
        seed: of the bootstrap.
    """
    thresholds = np.unique(np.quantile(made_wrong, THRESHOLDS))
    above_own, above_wrong = _passed(own, thresholds), _passed(made_wrong, thresholds)
    sizes = len(own), len(made_wrong)
    value = _smallest_ratio(above_own, above_wrong, *sizes)
    generator = np.random.default_rng(seed)
    found = [
        _smallest_ratio(
            generator.multinomial(sizes[0], above_own) / sizes[0],
            generator.multinomial(sizes[1], above_wrong) / sizes[1],
            *sizes,
        )
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(found, [0.05, 0.95])
    # A smallest ratio is low by chance, and that of a resample lower again: its interval, and the same mirrored.
    low, high = min(low, value, 2 * value - high), max(high, value, 2 * value - low)
    return Share(value, float(max(low, 0.0)), float(min(high, 1.0)))


def _passed(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of the scores that pass exactly 0, 1, … of the thresholds, `[thresholds + 1]`."""
    passed = np.searchsorted(thresholds, scores, side="left")
    return np.bincount(passed, minlength=len(thresholds) + 1) / len(scores)


def _smallest_ratio(own: np.ndarray, made_wrong: np.ndarray, num_pairs: int, num_made: int) -> float:
    """P(own > t) / P(made wrong > t) where it is surely smallest."""
    above_own, above_wrong = (np.minimum(part[::-1].cumsum()[-2::-1], 1.0) for part in (own, made_wrong))  # rounding
    enough = above_wrong > 0
    if not enough.any():
        return 0.0
    above_own, above_wrong = above_own[enough], above_wrong[enough]
    ratio = above_own / above_wrong
    # an empty tail is no certainty: its error is that of one success and one failure more (Agresti and Coull 1998)
    likely = (above_own * num_pairs + 1.0) / (num_pairs + 2.0)
    of_own = likely * (1.0 - likely) / (num_pairs * above_wrong**2)
    of_made = ratio**2 * (1.0 - above_wrong) / (above_wrong * num_made)
    surest = int((ratio + CAUTION * np.sqrt(of_own + of_made)).argmin())
    return float(np.clip(ratio[surest], 0.0, 1.0))
