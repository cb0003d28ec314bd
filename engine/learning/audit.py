"""The random audit: which pairs are drawn, and with what probability, told from nothing but a seed and the decisions.

Strata are cut by the unsupervised estimate, before anybody decides anything. In each, the pairs stand in a random
order fixed by a hash of seed and pair_id. The *head* of a stratum is its first pair in that order that was still
undecided when the head before it was decided. Heads are decided as audits only: the other proposals leave them out.
(In a list of proposals audits stand first, and what stands behind them leaves out their successors as well, which are
heads by then. Leaving out successors any earlier would tell who they are, and they would no longer be random.)
Whatever else was decided, and why, cannot depend on the order of pairs behind the head, so each head is a draw with
equal probabilities from the pairs of its stratum that were undecided at that moment: probability 1/num_undecided.

Nothing is stored, so nothing can be lost: after a restart, for every annotator and on every machine the same seed and
the same order of decisions give the same heads. Two annotators at once see the same heads; whoever is first decides.
A pair chosen freely in the gallery is simply passed over, unless it happens to be a head: a draw like any other, early.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.learning.table import Pairs, Seen

NUM_STRATA = 6
Integers = NDArray[np.intp]


@dataclass(frozen=True)
class Audit:
    """The audit as it stands after some decisions."""

    stratum: Integers
    """stratum of each pair, 0 … least suspect, `[pairs]`"""
    drawn: Integers
    """positions in `Seen` of the decided draws, in order of decision, `[draws]`"""
    num_undecided: Integers
    """pairs of the draw's stratum that were undecided when it was drawn: 1/probability, `[draws]`"""
    heads: Integers
    """rows of the next draw of each stratum; −1 where a stratum is exhausted, `[strata]`"""
    successors: Integers
    """rows that become heads if nothing but the heads is decided; −1 where there is none, `[strata]`"""
    head_num_undecided: Integers
    """pairs that each head was drawn from; 0 where a stratum is exhausted, `[strata]`"""


def strata_of(pairs: Pairs, num_strata: int = NUM_STRATA) -> Integers:
    """Strata of equal spread: each holds the same sum of √(p(1 − p)), p the unsupervised estimate.

    Equal numbers of draws are then close to the best allocation (Neyman 1934; Dalenius and Hodges 1959).
    """
    p = expit(pairs.prior)
    order = np.lexsort((np.arange(len(pairs)), pairs.suspicion, p))
    spread = np.cumsum(np.sqrt(p * (1 - p))[order])
    stratum = np.empty(len(pairs), dtype=np.intp)
    middle = spread - np.sqrt(p * (1 - p))[order] / 2
    stratum[order] = np.minimum(middle / max(spread[-1], 1e-300) * num_strata, num_strata - 1).astype(np.intp)
    return stratum


def random_order(pairs: Pairs, seed: int) -> Integers:
    """All rows in the random order of `seed`; it does not depend on the order of the table."""
    keys = [hashlib.blake2b(f"{seed}:{pair_id}".encode(), digest_size=8).digest() for pair_id in pairs.ids]
    return np.argsort(np.frombuffer(b"".join(keys), dtype=">u8"), kind="stable")


def audit_of(pairs: Pairs, seen: Seen, seed: int) -> Audit:
    """Which of the decided pairs were draws, and what to draw next.

    Args:
        pairs: all pairs.
        seen: the decided ones in the order in which they were first decided.
        seed: of the audit; the same for all annotators of a run.
    """
    stratum = strata_of(pairs)
    decided_at = np.full(len(pairs), len(seen), dtype=np.intp)
    decided_at[seen.rows] = np.arange(len(seen))
    order = random_order(pairs, seed)
    drawn: list[tuple[int, int]] = []
    heads, successors = np.full((2, NUM_STRATA), -1, dtype=np.intp)
    drawn_from = np.zeros(NUM_STRATA, dtype=np.intp)
    for number in range(NUM_STRATA):
        members = order[stratum[order] == number]
        times = decided_at[members]
        decided = np.sort(times[times < len(seen)])
        became = -1
        # A pair that stands before a head was decided before that head became one: the walk goes forwards only.
        for row, time in zip(members, times, strict=True):
            if time <= became:
                continue
            num_undecided = len(members) - int(np.searchsorted(decided, became, side="right"))
            if time == len(seen):
                heads[number], drawn_from[number] = row, num_undecided
                successors[number] = np.append(members[times == len(seen)], -1)[1]
                break
            drawn.append((int(time), num_undecided))
            became = time
    drawn.sort()
    positions, undecided = np.array(drawn, dtype=np.intp).reshape(-1, 2).T
    return Audit(stratum, positions, undecided, heads, successors, drawn_from)
