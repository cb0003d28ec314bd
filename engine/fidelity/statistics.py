"""How well predictions agree with the truth: rank correlation with its interval, slope, relative error. No torch.

LDS (linear datamodelling score, Park et al. 2023): Spearman's correlation over groups of predicted and real change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)
"""percentiles"""


@dataclass(frozen=True)
class Interval:
    """A figure and its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


def spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation along the last axis; ties share their mean rank, constants give NaN."""
    ranks = [pd.DataFrame(np.atleast_2d(values)).rank(axis=1).to_numpy() for values in (one, other)]
    left, right = (values - values.mean(1, keepdims=True) for values in ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (left * right).sum(1) / np.sqrt((left**2).sum(1) * (right**2).sum(1))
    return found if np.ndim(one) > 1 else found[0]


def lds(predicted: np.ndarray, truth: np.ndarray, seed: int) -> Interval:
    """Spearman's correlation over groups with a seeded bootstrap interval over groups.

    Args:
        predicted: `[groups]`.
        truth: `[groups]`.
        seed: of the resamples; the same groups are drawn for every method.
    """
    return interval(float(spearman(predicted, truth)), _resampled(predicted, truth, seed))


def lds_margin(predicted: np.ndarray, baseline: np.ndarray, truth: np.ndarray, seed: int) -> Interval:
    """LDS of a method minus that of a baseline, on the same resamples of the groups."""
    value = float(spearman(predicted, truth) - spearman(baseline, truth))
    return interval(value, _resampled(predicted, truth, seed) - _resampled(baseline, truth, seed))


def slope(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Least-squares factor from predicted to real: truth ≈ slope · predicted. 1 is right, 2 says half the truth."""
    size = float(predicted @ predicted)
    return float(predicted @ truth) / size if size else float("nan")


def relative_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """‖predicted − truth‖ / ‖truth‖ over groups; predicting no change gives 1."""
    return float(np.linalg.norm(predicted - truth) / np.linalg.norm(truth))


def _resampled(predicted: np.ndarray, truth: np.ndarray, seed: int) -> np.ndarray:
    chosen = np.random.default_rng(seed).integers(0, len(truth), (RESAMPLES, len(truth)))
    return spearman(predicted[chosen], truth[chosen])


def interval(value: float, resampled: np.ndarray) -> Interval:
    """A figure with the middle 95 % of its resampled values; NaN among these are left out."""
    finite = resampled[np.isfinite(resampled)]
    low, high = np.percentile(finite, INTERVAL) if len(finite) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))
