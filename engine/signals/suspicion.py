"""Suspicion: one rank from several signals, so that none of their units matters."""

from __future__ import annotations

import numpy as np
import pandas as pd


def suspicion(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of low CLIP score and high pair loss.

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
    # Ties go to the larger loss, then to table order: the order never depends on the sort.
    order = np.lexsort((np.arange(len(scores)), -scores["pair_loss"].fillna(0).to_numpy(), -mean))
    rank = np.empty(len(scores), dtype=np.int64)
    rank[order] = np.arange(1, len(scores) + 1)
    return pd.DataFrame({"suspicion": mean, "suspicion_rank": rank}, index=scores.index)
