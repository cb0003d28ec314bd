"""Everything a page needs after each decision, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import pandas as pd
from scipy.special import expit

from engine.learning.audit import audit_of
from engine.learning.model import fit, reranked
from engine.learning.proposals import Shares, proposed
from engine.learning.remaining import Remaining, remaining
from engine.learning.table import Pairs, pairs_of, seen_of

WORTH_LOOKING = 0.05
"""stopping is reasonable when fewer than this share of the next pairs would be wrong"""


@dataclass(frozen=True)
class Advice:
    """What to do next."""

    ranking: pd.DataFrame
    """index pair_id; p_wrong_learned, suspicion_learned (0 … 1), rank (1 = most suspect); decided pairs included"""
    proposals: pd.DataFrame
    """pair_id, reason, p_wrong_learned, stratum, drawn_from; in the order in which to show them"""
    remaining: Remaining
    """what is left unseen"""
    may_stop: bool
    """whether stopping is reasonable"""
    sentence: str
    """the last two in words"""


def advise(
    signals: pd.DataFrame | Pairs,
    decisions: pd.DataFrame,
    seed: int = 0,
    count: int = 20,
    shares: Shares | None = None,
) -> Advice:
    """Ranking, proposals and what is left, from the decisions so far.

    Args:
        signals: as for `pairs_of`, or its result (made once per run, it saves the time of ranking the signals).
        decisions: those that stand, columns pair_id and verdict, best `in_order_of_first_decision`; decisions on other
            pairs are passed over.
        seed: of the audit; the same for all annotators of a run, and always.
        count: proposals at most.
        shares: of the reasons for proposals.

    Raises:
        ConfigError: if the signals or the decisions cannot be used.
    """
    pairs = signals if isinstance(signals, Pairs) else pairs_of(signals)
    seen = seen_of(pairs, decisions)
    p_wrong = fit(pairs, seen).p_wrong(pairs) if len(seen.sure()) else expit(pairs.prior)
    audit = audit_of(pairs, seen, seed)
    left = remaining(pairs, seen, p_wrong, audit)
    may_stop = left.next_count == 0 or left.in_next < WORTH_LOOKING * left.next_count
    return Advice(
        ranking=reranked(pairs, p_wrong),
        proposals=proposed(pairs, seen, p_wrong, audit, count, shares),
        remaining=left,
        may_stop=may_stop,
        sentence=in_words(left, may_stop),
    )


def in_words(left: Remaining, may_stop: bool) -> str:
    """What is left and whether to go on, as sentences."""
    if not left.num_unseen:
        return "Every pair has been looked at."
    known = (
        f"About {_count(left.wrong)} ({left.low:,}–{left.high:,}) wrong pairs are left among {left.num_unseen:,} unseen"
    )
    if left.num_draws:
        basis = f"Of the pairs looked at, {left.num_draws:,} were drawn at random to check this."
    else:
        basis = "No pair drawn at random has been decided yet: this rests on the unsupervised estimate."
    limit = ceil(WORTH_LOOKING * left.next_count)
    stop = "Stopping is reasonable" if may_stop else f"Stopping is reasonable when they would hold fewer than {limit}"
    return f"{known}; the next {left.next_count} would hold about {_count(left.in_next)}. {stop}. {basis}"


def _count(number: float) -> str:
    """A whole number; below 1 it is said so."""
    return f"{number:,.0f}" if number >= 0.95 or number < 0.05 else "1 or none"
