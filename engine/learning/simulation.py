"""Simulated annotators: what following the proposals gains, and whether the interval for what is left holds the truth.

An annotator answers from ground truth, wrongly with a given error rate. Average precision (AP) is measured twice:

- *all*: over all pairs, decided ones placed by their verdict (wrong above everything, right below everything), the rest
  by the learned ranking. It holds what was found by looking as well as what was learned.
- *rest*: over the undecided pairs alone, by the learned ranking; beside it the unsupervised ranking of the same pairs.
  Only what was learned. Arms leave different pairs undecided: compare its two columns, not its rows across arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from engine.errors import ConfigError
from engine.learning.audit import audit_of
from engine.learning.model import fit, reranked
from engine.learning.proposals import Shares, proposed
from engine.learning.remaining import remaining
from engine.learning.table import Floats, Pairs, Seen, pairs_of

ARMS = ("none", "random", "proposed")
BATCH = 20


@dataclass(frozen=True)
class Annotator:
    """Answers from the truth.

    Raises:
        ConfigError: if the error rate is outside 0 … ½.
    """

    truth: np.ndarray
    """whether each pair is wrong, `[pairs]`"""
    error_rate: float = 0.0
    """share of wrong answers, 0 … ½"""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.error_rate <= 0.5:
            raise ConfigError("an error rate between 0 and 0.5", f"{self.error_rate}", "Change it.")

    def answers(self, rows: np.ndarray) -> Floats:
        """1 for wrong, 0 for right, `[rows]`; the same pair gets the same answer again."""
        slips = np.random.default_rng([self.seed, 1]).random(len(self.truth)) < self.error_rate
        return (self.truth ^ slips)[rows].astype(np.float64)


def simulate_decisions(
    signals: pd.DataFrame,
    truth: pd.Series,
    num_decisions: int | Sequence[int] = 100,
    seeds: Sequence[int] = range(5),
    error_rate: float = 0.0,
    shares: Shares | None = None,
    batch: int = BATCH,
    arms: Sequence[str] = ARMS,
) -> pd.DataFrame:
    """AP and the estimate of what is left, after simulated decisions.

    Args:
        signals: as for `pairs_of`; a column is_wrong would be a signal and must not be there.
        truth: whether each pair is wrong, index pair_id.
        num_decisions: after how many decisions to measure.
        seeds: one run each.
        error_rate: of the annotator, 0 … ½.
        shares: of the three reasons.
        batch: decisions between two fits.
        arms: of none, random, proposed.

    Returns:
        One row per arm (none, random, proposed), num_decisions and seed: average_precision_all, average_precision_rest,
        average_precision_rest_unsupervised, num_found (wrong pairs the annotator called wrong); for the arm proposed
        also remaining, low, high (the estimate with its 90 % interval), remaining_truth (wrong pairs unseen) and
        remaining_as_judged (those this annotator would call wrong), covered and covered_as_judged.

    Raises:
        ConfigError: if the truth is given as a signal or does not cover the pairs.
    """
    depths = sorted({num_decisions} if isinstance(num_decisions, int) else set(num_decisions))
    if "is_wrong" in signals or not set(signals.index) <= set(truth.index) or not set(arms) <= set(ARMS):
        raise ConfigError(
            f"signals without is_wrong, a truth for every pair, and arms of {', '.join(ARMS)}",
            f"columns {', '.join(map(str, signals))}; {len(truth)} truths for {len(signals)} pairs; {', '.join(arms)}",
            "Give the truth apart.",
        )
    pairs = pairs_of(signals)
    wrong = truth.loc[signals.index].to_numpy(bool)
    rows = []
    for seed in seeds:
        annotator = Annotator(wrong, error_rate, seed)
        for arm in arms:
            steps = [] if arm == "none" else depths
            for seen in _runs(pairs, annotator, arm, steps, seed, shares or Shares(), batch):
                found = {"arm": arm, "num_decisions": len(seen), "seed": seed, **_measured(pairs, seen, wrong)}
                rows.append(found | (_left(pairs, seen, annotator, seed) if arm == "proposed" else {}))
    return pd.DataFrame(rows)


def _runs(
    pairs: Pairs, annotator: Annotator, arm: str, depths: list[int], seed: int, shares: Shares, batch: int
) -> Iterator[Seen]:
    """What was seen at each depth; without depths once, nothing."""
    shuffled = np.random.default_rng([seed, 0]).permutation(len(pairs))
    seen = Seen(np.array([], dtype=np.intp), np.array([]))
    for depth in depths or [0]:
        while len(seen) < min(depth, len(pairs)):
            count = min(batch, depth - len(seen))
            if arm == "random":
                new = shuffled[len(seen) : len(seen) + count]
            else:
                p_wrong = fit(pairs, seen).p_wrong(pairs)
                table = proposed(pairs, seen, p_wrong, audit_of(pairs, seen, seed), count, shares)
                new = pairs.ids.get_indexer(table["pair_id"])
            seen = Seen(np.r_[seen.rows, new], np.r_[seen.wrong, annotator.answers(new)])
        yield seen


def average_precision(scores: Floats, wrong: np.ndarray) -> float:
    """Mean precision at each wrong pair, higher scores first; equal scores count as one step (as scikit-learn's)."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(wrong, scores)) if wrong.any() else float("nan")


def _measured(pairs: Pairs, seen: Seen, wrong: np.ndarray) -> dict[str, float]:
    before = _order(pairs, expit(pairs.prior))
    learned = _order(pairs, fit(pairs, seen).p_wrong(pairs)) if len(seen) else before
    placed = learned.copy()
    placed[seen.rows] = np.where(seen.wrong == 1, 2.0, -1.0)
    rest = np.ones(len(pairs), dtype=bool)
    rest[seen.rows] = False
    return {
        "average_precision_all": average_precision(placed, wrong),
        "average_precision_rest": average_precision(learned[rest], wrong[rest]),
        "average_precision_rest_unsupervised": average_precision(before[rest], wrong[rest]),
        "num_found": int((wrong[seen.rows] & (seen.wrong == 1)).sum()),
    }


def _order(pairs: Pairs, p_wrong: Floats) -> Floats:
    """The ranking as it is shown, ties broken, 0 … 1."""
    return reranked(pairs, p_wrong)["suspicion_learned"].to_numpy()


def _left(pairs: Pairs, seen: Seen, annotator: Annotator, seed: int) -> dict[str, float]:
    left = remaining(pairs, seen, fit(pairs, seen).p_wrong(pairs), audit_of(pairs, seen, seed))
    unseen = np.setdiff1d(np.arange(len(pairs)), seen.rows)
    truth, judged = int(annotator.truth[unseen].sum()), int(annotator.answers(unseen).sum())
    return {
        "remaining": left.wrong,
        "low": left.low,
        "high": left.high,
        "remaining_truth": truth,
        "remaining_as_judged": judged,
        "covered": left.low <= truth <= left.high,
        "covered_as_judged": left.low <= judged <= left.high,
    }
