"""How well a signal finds wrong pairs: AUROC, average precision, precision at a depth, with their bootstrap. No torch.

Scores: higher is more suspect. Tied scores stand in no order: they count half in the AUROC, one step of the
precision–recall curve together, and are drawn at random at a depth that cuts through them. A resample is a weight per
pair, how often it was drawn; the same weights for two signals make their difference a paired one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FIGURES = (
    "auroc",
    "average_precision",
    "precision_at_1_percent",
    "precision_at_5_percent",
    "precision_at_num_wrong",
)
SHARES = {"precision_at_1_percent": 0.01, "precision_at_5_percent": 0.05}
RESAMPLES_AT_ONCE = 50


def auroc(scores: np.ndarray, is_wrong: np.ndarray) -> float:
    """Probability that a wrong pair has a higher score than a right one; ties count half (Mann–Whitney)."""
    ranks = pd.Series(scores).rank().to_numpy()
    wrong, right = int(is_wrong.sum()), int((~is_wrong).sum())
    if not wrong or not right:
        return float("nan")
    return float((ranks[is_wrong].sum() - wrong * (wrong + 1) / 2) / (wrong * right))


def resample_weights(num_pairs: int, resamples: int, seed: int) -> np.ndarray:
    """How often each pair is drawn in each bootstrap resample, `[resamples, pairs]`."""
    even = np.full(num_pairs, 1 / num_pairs)
    # a stream of its own: noise planted by the same seed would be correlated with what is drawn
    generator = np.random.default_rng([seed, num_pairs, resamples])
    return generator.multinomial(num_pairs, even, resamples).astype(np.float32)


def figures(scores: np.ndarray, is_wrong: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Every figure of `FIGURES`, with each set of weights.

    Args:
        scores: `[pairs]`, higher is more suspect; NaN (the signal does not apply) counts as the median.
        is_wrong: `[pairs]`, bool.
        weights: `[resamples, pairs]`, how often each pair counts; None counts each once.

    Returns:
        `[resamples, figures]` in 0 … 1 (one row without weights). NaN where a resample has no wrong or no right pair,
        or no score is known.
    """
    weights = np.ones((1, len(scores))) if weights is None else weights
    if not np.isfinite(scores).any():
        return np.full((len(weights), len(FIGURES)), np.nan)
    filled = np.nan_to_num(scores, nan=np.nanmedian(scores))
    order = np.argsort(-filled, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(filled[order]) != 0, True))
    parts = [
        _figures(weights[start : start + RESAMPLES_AT_ONCE, order].astype(np.float64), is_wrong[order], ends)
        for start in range(0, len(weights), RESAMPLES_AT_ONCE)
    ]
    return np.concatenate(parts)


def _figures(weights: np.ndarray, is_wrong: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Figures of pairs in falling order; `ends` are the last positions of runs of tied scores."""
    drawn = weights.cumsum(1)[:, ends]
    wrong = (weights * is_wrong).cumsum(1)[:, ends]
    num_wrong, num_right = wrong[:, -1], drawn[:, -1] - wrong[:, -1]
    steps = np.diff(wrong, axis=1, prepend=0)
    right = drawn - wrong
    right_below = num_right[:, None] - right + np.diff(right, axis=1, prepend=0) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (steps * right_below).sum(1) / (num_wrong * num_right)
        average = np.nansum(steps * wrong / drawn, axis=1) / num_wrong
    depths = [share * drawn[:, -1] for share in SHARES.values()]
    found = np.stack([area, average, *(_precision(drawn, wrong, depth) for depth in (*depths, num_wrong))], axis=1)
    found[(num_wrong == 0) | (num_right == 0)] = np.nan
    return found


def _precision(drawn: np.ndarray, wrong: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Share of wrong pairs among the first `depths` of each row; a run of ties that is cut gives its mean share."""
    depths = np.maximum(depths, 1)
    zero = np.zeros((len(drawn), 1))
    drawn, wrong = np.hstack([zero, drawn]), np.hstack([zero, wrong])
    found = [np.interp(k, n, hits) for k, n, hits in zip(depths, drawn, wrong, strict=True)]
    return np.array(found) / depths
