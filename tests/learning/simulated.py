"""Simulated signals with known wrong pairs, for the tests of learning."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from engine.learning.table import Seen


def simulated(
    num_pairs: int = 2000, share: float = 0.2, seed: int = 0, misjudged: float = 0.0
) -> tuple[pd.DataFrame, pd.Series]:
    """Signals whose unsupervised estimate trusts all of them alike, though one is far better than the rest.

    `misjudged` is added to the log-odds of the unsupervised estimate.
    """
    random = np.random.default_rng(seed)
    wrong = random.random(num_pairs) < share
    shared = random.normal(size=num_pairs)
    strength = [2.6, 1.2, 1.2, 1.2, 0.0]
    raw = [0.5 * shared + random.normal(size=num_pairs) + gain * wrong for gain in strength]
    mean = np.mean(raw, axis=0)
    spread, gap = mean[~wrong].std(), mean[wrong].mean() - mean[~wrong].mean()
    odds = logit(share) + (mean - mean[~wrong].mean() - gap / 2) * gap / spread**2
    ids = pd.Index([f"p{row:05d}" for row in range(num_pairs)], name="pair_id")
    table = pd.DataFrame(
        {
            "best": np.exp(raw[0]),  # any monotone scale
            "falling": -raw[1],  # either direction
            "missing": np.where(random.random(num_pairs) < 0.1, np.nan, raw[2]),
            "plain": raw[3],
            "noise": raw[4],
            "constant": 1.0,
            "suspicion": pd.Series(mean).rank(pct=True).to_numpy(),
            "p_wrong": expit(odds + misjudged),
            "label": random.choice(["bus", "cat", "dog"], num_pairs),
        },
        index=ids,
    )
    return table, pd.Series(wrong, index=ids)


def seen_from(rows: np.ndarray, wrong: pd.Series) -> Seen:
    """True verdicts on these rows."""
    rows = np.asarray(rows, dtype=np.intp)
    return Seen(rows, wrong.to_numpy()[rows].astype(np.float64))


def decisions_on(pair_ids: list[str], wrong: pd.Series) -> pd.DataFrame:
    """True verdicts as `DecisionStore.current` gives them."""
    verdicts = ["drop" if wrong[pair_id] else "keep" for pair_id in pair_ids]
    return pd.DataFrame({"pair_id": list(pair_ids), "verdict": verdicts}, dtype=object)
