"""Which pairs to look at next, and why each one.

Three reasons, mixed in fixed shares: *likely wrong* (most probably wrong by what the decisions taught), *uncertain*
(nearest to even odds, spread over classes and over the signals), *audit* (drawn at random from all that is undecided,
by strata; only these tell without bias what is left unseen).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.learning.audit import Audit, Integers
from engine.learning.table import Floats, Pairs, Seen

LIKELY_WRONG, UNCERTAIN, AUDIT = "likely wrong", "uncertain", "audit"
CANDIDATES_PER_PROPOSAL = 8
REMEMBERED = 200


@dataclass(frozen=True)
class Shares:
    """How proposals are shared out.

    Raises:
        ConfigError: if one is negative or they do not add up to 1.
    """

    likely_wrong: float = 0.1
    """share of the most probably wrong: they teach little, because the ranking is mostly right about them"""
    uncertain: float = 0.7
    """share of the uncertain: they raise average precision most (measured with `simulate_decisions`)"""
    audit: float = 0.2
    """share drawn at random"""

    def __post_init__(self) -> None:
        values = (self.likely_wrong, self.uncertain, self.audit)
        if min(values) < 0 or abs(sum(values) - 1) > 1e-9:
            raise ConfigError("shares of at least 0 that add up to 1", f"{values}", "Change them.")


def proposed(
    pairs: Pairs, seen: Seen, p_wrong: Floats, audit: Audit, count: int = 20, shares: Shares | None = None
) -> pd.DataFrame:
    """Pairs to decide next, in the order in which to show them.

    Args:
        pairs: all pairs.
        seen: the decided ones; none of them is proposed.
        p_wrong: what the decisions taught, 0 … 1, `[pairs]`.
        audit: as it stands after `seen`.
        count: how many at most.
        shares: of the three reasons.

    Returns:
        pair_id, reason, p_wrong_learned, stratum, and drawn_from: the number of pairs that an audit was drawn from with
        equal probabilities, 0 for other reasons. Fewer rows than `count` where nothing is left. There is at most one
        audit per stratum and call, so more than 30 at a time hold a smaller share of audits.
    """
    free = np.ones(len(pairs), dtype=bool)
    free[seen.rows] = False
    count = min(count, int(free.sum()))
    num_audits, num_uncertain = _numbers(len(seen), count, shares or Shares())
    audits = _audits(seen, p_wrong, audit, free, num_audits)
    following = audit.successors[audit.stratum[audits]]
    reserved = np.r_[audit.heads, following]
    free[reserved[reserved >= 0]] = False  # decided as audits only, or they would no longer be random
    uncertain = _uncertain(pairs, seen, p_wrong, free, min(num_uncertain, count - len(audits)))
    free[uncertain] = False
    order = np.lexsort((-pairs.suspicion, -p_wrong))
    likely = order[free[order]][: count - len(audits) - len(uncertain)]
    if len(audits) + len(uncertain) + len(likely) < count:  # nothing else is left
        audits = np.r_[audits, np.setdiff1d(audit.heads[audit.heads >= 0], audits)]
        audits = audits[: count - len(uncertain) - len(likely)]
    rows = np.concatenate([audits, uncertain, likely]).astype(np.intp)
    reasons = [AUDIT] * len(audits) + [UNCERTAIN] * len(uncertain) + [LIKELY_WRONG] * len(likely)
    table = pd.DataFrame(
        {
            "pair_id": pairs.ids[rows],
            "reason": reasons,
            "p_wrong_learned": p_wrong[rows],
            "stratum": audit.stratum[rows],
            "drawn_from": np.where(np.array(reasons) == AUDIT, audit.head_num_undecided[audit.stratum[rows]], 0),
        }
    )
    # Audits first, so that the pairs behind them are chosen when the next draws stand (see engine.learning.audit).
    mixed = [(np.arange(n) + 0.5) / n for n in (len(uncertain), len(likely)) if n]
    place = np.concatenate([np.full(len(audits), -1.0), *mixed])
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _numbers(num_seen: int, count: int, shares: Shares) -> tuple[int, int]:
    """Audits and uncertain ones among the next `count`, so that the shares hold over any number of calls."""

    def next_of(share: float) -> int:
        return int(np.floor(share * (num_seen + count) + 0.5) - np.floor(share * num_seen + 0.5))

    audits = next_of(shares.audit)
    return audits, next_of(shares.audit + shares.uncertain) - audits


def _audits(seen: Seen, p_wrong: Floats, audit: Audit, free: np.ndarray, number: int) -> Integers:
    """Heads of the strata that need a draw most: large spread of what is undecided, few draws so far."""
    strata = len(audit.heads)
    p = np.clip(p_wrong, 0.01, 0.99)
    num = np.bincount(audit.stratum[free], minlength=strata)
    variance = np.bincount(audit.stratum[free], weights=(p * (1 - p))[free], minlength=strata)
    drawn = np.bincount(audit.stratum[seen.rows[audit.drawn]], minlength=strata)
    need = np.where(audit.heads >= 0, np.sqrt(num * variance) / (1 + drawn), -1.0)
    chosen = np.argsort(-need, kind="stable")[:number]
    return audit.heads[chosen[need[chosen] >= 0]]


def _uncertain(pairs: Pairs, seen: Seen, p_wrong: Floats, free: np.ndarray, number: int) -> Integers:
    """Nearest to even odds; among these first the classes least looked at, then those unlike all that was seen."""
    rows = np.flatnonzero(free)
    nearest = np.lexsort((rows, np.abs(p_wrong[rows] - 0.5)))[: CANDIDATES_PER_PROPOSAL * number]
    rows = rows[nearest]
    label = np.zeros(len(pairs), dtype=np.intp) if pairs.label is None else pd.factorize(pairs.label)[0]
    looked_at = np.bincount(label[seen.rows] + 1, minlength=label.max(initial=0) + 2)
    distance = np.full(len(rows), np.inf)
    for row in seen.rows[-REMEMBERED:]:
        distance = np.minimum(distance, _distance(pairs, rows, row))
    chosen: list[int] = []
    for _ in range(min(number, len(rows))):
        place = np.lexsort((np.arange(len(rows)), -distance, looked_at[label[rows] + 1]))[0]
        chosen.append(int(rows[place]))
        looked_at[label[rows[place]] + 1] += 1
        rows, distance = np.delete(rows, place), np.delete(distance, place)
        distance = np.minimum(distance, _distance(pairs, rows, chosen[-1]))
    return np.array(chosen, dtype=np.intp)


def _distance(pairs: Pairs, rows: Integers, other: int) -> Floats:
    return ((pairs.signals[rows] - pairs.signals[other]) ** 2).sum(1)
