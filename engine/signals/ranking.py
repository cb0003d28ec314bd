"""Suspicion without cross-fitting: one rank from two signals of the model itself, so that their units do not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd


def in_sample_suspicion(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of low CLIP score and high pair loss: what is left where there are too few pairs to cross-fit.

    Influence on the validation loss is left out: scored by the model that learned the wrong pairs, it lowers
    detection (`ecif evaluate planted` prints each signal alone).

    Args:
        scores: columns clip_score, pair_loss; one row per pair. A missing value counts as middling.

    Returns:
        suspicion (0 … 1, higher is more suspect) and suspicion_rank (1 = most suspect), same rows.
    """
    signs = {"clip_score": -1.0, "pair_loss": 1.0}
    ranks = [(sign * scores[name]).rank(pct=True).fillna(0.5) for name, sign in signs.items()]
    mean = np.mean(ranks, axis=0)
    rank = ranked(mean, scores["pair_loss"].fillna(0).to_numpy())
    return pd.DataFrame({"suspicion": mean, "suspicion_rank": rank}, index=scores.index)


def ranked(*keys: np.ndarray) -> np.ndarray:
    """1 = largest by the first key, ties by the next, then in table order: never by the sort's chance, `[pairs]`."""
    order = np.lexsort((np.arange(len(keys[0])), *(-key for key in reversed(keys))))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank
