"""How far annotators agree on the pairs that two or more of them decided. No torch.

A vote is the standing decision of one annotator on one pair. With n_uc votes for verdict c on pair u and m_u votes on
it, over pairs with m_u ≥ 2 and n votes on them in all, Krippendorff's alpha for names without an order is

    α = 1 − D_o / D_e,   D_o = 1 − Σ_u Σ_c n_uc (n_uc − 1) / (m_u − 1) / n,   D_e = 1 − Σ_c n_c (n_c − 1) / (n (n − 1))

(K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, part C). 1 is full agreement, 0 is what answers
drawn by lot from the same verdicts would reach. Not everyone need have decided everything.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from engine.review.decisions import VERDICTS

RESAMPLES = 500
INTERVAL = (0.05, 0.95)
"""of the resamples: 90 %"""


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree, with 90 % intervals over resampled pairs."""

    pairs: int
    """decided by two or more"""
    annotators: tuple[str, ...]
    """who decided one of these pairs, by name"""
    same: float
    """of two annotators of a pair, how often they gave the same verdict: 0 … 1, the mean over pairs"""
    same_low: float
    same_high: float
    alpha: float
    """Krippendorff's; NaN where all votes are for one verdict"""
    alpha_low: float
    alpha_high: float


def agreement(votes: pd.DataFrame, seed: int = 0) -> Agreement | None:
    """How far annotators agree over all pairs that two or more decided; None if there is no such pair.

    Args:
        votes: pair_id, annotator, verdict; at most one row for each annotator of a pair.
        seed: of the resampling.
    """
    shared = _shared(votes)
    if shared.empty:
        return None
    counts = _counts(shared)
    numbers = np.random.default_rng(seed)
    resampled = [
        _measures(counts, numbers.multinomial(len(counts), np.full(len(counts), 1 / len(counts))))
        for _ in range(RESAMPLES)
    ]
    same, alpha = _measures(counts, np.ones(len(counts)))
    (same_low, same_high), (alpha_low, alpha_high) = (_interval(values) for values in np.array(resampled).T)
    return Agreement(
        pairs=len(counts),
        annotators=tuple(sorted(shared["annotator"].unique())),
        same=same,
        same_low=same_low,
        same_high=same_high,
        alpha=alpha,
        alpha_low=alpha_low,
        alpha_high=alpha_high,
    )


def between_two(votes: pd.DataFrame) -> pd.DataFrame:
    """Every two annotators with pairs in common, those with most first.

    Args:
        votes: as for `agreement`.

    Returns:
        annotator, other, pairs, same (fraction with the same verdict), kappa (Cohen's: 1 is full agreement, 0 that of
        chance; NaN where both gave one verdict only).
    """
    by_annotator = {name: rows.set_index("pair_id")["verdict"] for name, rows in _shared(votes).groupby("annotator")}
    rows = []
    for one, other in itertools.combinations(sorted(by_annotator), 2):
        both = pd.concat([by_annotator[one], by_annotator[other]], axis=1, join="inner", keys=["one", "other"])
        if len(both):
            same = float((both["one"] == both["other"]).mean())
            only_one = len(set(both["one"]) | set(both["other"])) == 1
            kappa = np.nan if only_one else float(cohen_kappa_score(both["one"], both["other"]))
            rows.append((one, other, len(both), same, kappa))
    table = pd.DataFrame(rows, columns=["annotator", "other", "pairs", "same", "kappa"])
    return table.sort_values("pairs", ascending=False, kind="stable", ignore_index=True)


def consensus(votes: pd.DataFrame) -> pd.DataFrame:
    """What most annotators of a pair say: a verdict that more than half of them gave, else none.

    Args:
        votes: pair_id, annotator, verdict, new_caption; in order of decision.

    Returns:
        One row for each pair, indexed by pair_id in order of the first vote: verdict (None where unsettled),
        new_caption (with relabel: the one that most gave, of equals the latest), num_annotators, num_agreeing (with
        the verdict given most often).
    """
    rows = {}
    for pair_id, own in votes.groupby("pair_id", sort=False):
        most = own["verdict"].value_counts()
        verdict = most.index[0] if 2 * most.iloc[0] > len(own) else None
        captions = own.loc[own["verdict"] == "relabel", "new_caption"] if verdict == "relabel" else pd.Series([None])
        caption = max(captions.iloc[::-1], key=captions.tolist().count)
        rows[pair_id] = (verdict, caption, len(own), int(most.iloc[0]))
    columns = ["verdict", "new_caption", "num_annotators", "num_agreeing"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object).rename_axis("pair_id")


def disagreements(votes: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose annotators gave different verdicts, the latest vote first.

    Args:
        votes: as for `consensus`.

    Returns:
        Columns of `consensus` and votes (annotator → verdict, in order of decision), indexed by pair_id.
    """
    differ = votes.groupby("pair_id")["verdict"].transform("nunique") > 1
    own = votes[differ]
    table = consensus(own)
    table["votes"] = pd.Series(
        {
            pair_id: dict(zip(rows["annotator"], rows["verdict"], strict=True))
            for pair_id, rows in own.groupby("pair_id", sort=False)
        },
        dtype=object,
    )
    return table.loc[own["pair_id"].drop_duplicates(keep="last")[::-1]]


def _shared(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes on pairs with two or more."""
    return votes[votes.groupby("pair_id")["verdict"].transform("size") > 1]


def _counts(shared: pd.DataFrame) -> np.ndarray:
    """Votes [pairs, verdicts]."""
    table = pd.crosstab(shared["pair_id"], pd.Categorical(shared["verdict"], categories=VERDICTS), dropna=False)
    return table.to_numpy(dtype=float)


def _measures(counts: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Mean agreement of two annotators and Krippendorff's alpha, each pair counted `weights` times."""
    on_pair = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (on_pair - 1)
    same = float(np.average(agreeing / on_pair, weights=weights))
    num_votes, of_verdict = float(weights @ on_pair), weights @ counts
    observed = 1 - float(weights @ agreeing) / num_votes
    expected = 1 - float((of_verdict * (of_verdict - 1)).sum()) / (num_votes * (num_votes - 1))
    return same, 1 - observed / expected if expected > 0 else float("nan")


def _interval(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, INTERVAL)
    return float(low), float(high)
