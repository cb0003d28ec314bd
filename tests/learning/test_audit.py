"""The audit: every draw has the probability it claims, whatever else was decided; nothing depends on memory."""

from pathlib import Path

import numpy as np
import pytest
from learning.simulated import seen_from, simulated

from engine.learning.audit import NUM_STRATA, audit_of, random_order, strata_of
from engine.learning.table import Pairs, Seen, in_order_of_first_decision, pairs_of, seen_of
from engine.review import Decision, DecisionStore


def follow(pairs: Pairs, wrong: np.ndarray, seed: int, num_draws: int) -> Seen:
    """Draws, and between two draws the pairs nearest to a moving goal that depends on what the last draw answered."""
    rows: list[int] = []
    for number in range(num_draws):
        seen = Seen(np.array(rows, dtype=np.intp), wrong[rows].astype(float))
        audit = audit_of(pairs, seen, seed)
        heads = audit.heads[audit.heads >= 0]
        rows.append(int(heads[number % len(heads)]))
        reserved = {*rows, *heads.tolist(), int(audit.successors[audit.stratum[rows[-1]]])}  # fmt: skip
        goal = pairs.prior.max() if wrong[rows[-1]] else 0.0
        nearest = [int(row) for row in np.argsort(np.abs(pairs.prior - goal)) if row not in reserved]
        rows += nearest[:2]
    return Seen(np.array(rows, dtype=np.intp), wrong[rows].astype(float))


def test_strata_are_cut_by_the_estimate_and_of_equal_spread() -> None:
    signals, _ = simulated(3000)
    pairs = pairs_of(signals)
    stratum = strata_of(pairs)
    p = signals["p_wrong"].to_numpy().clip(1e-3, 1 - 1e-3)
    spread = np.bincount(stratum, weights=np.sqrt(p * (1 - p)))
    assert len(spread) == NUM_STRATA and spread.max() / spread.min() < 1.05
    assert all(p[stratum == h].max() <= p[stratum == h + 1].min() for h in range(NUM_STRATA - 1))
    assert np.bincount(stratum).max() > 2 * np.bincount(stratum).min()


def test_every_pair_of_a_stratum_is_the_next_draw_equally_often() -> None:
    signals, wrong = simulated(120)
    pairs, truth, top = pairs_of(signals), wrong.to_numpy(), NUM_STRATA - 1
    times, chances, runs = np.zeros(120), np.zeros(120), 1500
    for seed in range(runs):
        seen = follow(pairs, truth, seed, num_draws=7)
        audit = audit_of(pairs, seen, seed)
        head = audit.heads[top]
        assert head >= 0
        draws = [position for position in audit.drawn if audit.stratum[seen.rows[position]] == top]
        from_these = np.setdiff1d(np.flatnonzero(audit.stratum == top), seen.rows[: max(draws) + 1])
        assert audit.head_num_undecided[top] == len(from_these)
        times[head] += 1
        chances[from_these] += 1 / len(from_these)
    drawable = chances > 5
    standardised = (times - chances)[drawable] / np.sqrt(chances[drawable])
    assert (times[chances == 0] == 0).all() and drawable.sum() > 4
    assert np.abs(standardised).max() < 4 and (standardised**2).mean() < 1.8
    assert chances[drawable].max() / chances[drawable].min() > 1.1  # some were often decided before: not all alike


def test_weighted_by_their_probabilities_the_draws_count_the_wrong_pairs_without_bias() -> None:
    signals, wrong = simulated(400, share=0.25)
    pairs, truth = pairs_of(signals), wrong.to_numpy()
    stratum = strata_of(pairs)
    totals = np.bincount(stratum, weights=truth, minlength=NUM_STRATA)
    weighted, plain = [], []
    for seed in range(400):
        seen = follow(pairs, truth, seed, num_draws=12)
        audit = audit_of(pairs, seen, seed)
        sums, number = np.zeros(NUM_STRATA), np.zeros(NUM_STRATA)
        for position, size in zip(audit.drawn, audit.num_undecided, strict=True):
            own = stratum[seen.rows[position]]
            before = stratum[seen.rows] == own
            became = [q for q in audit.drawn if q < position and stratum[seen.rows[q]] == own]
            before[max(became, default=-1) + 1 :] = False  # what was decided before it became a head
            assert size == (stratum == own).sum() - before.sum()
            sums[own] += seen.wrong[before].sum() + size * seen.wrong[position]
            number[own] += 1
        weighted.append((sums / number).sum())
        plain.append(400 * seen.wrong.mean())
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted) - totals.sum()) < 3 * error
    assert abs(np.mean(plain) - totals.sum()) > 10 * error  # the decided pairs taken as a random choice are not


def test_the_audit_is_told_from_seed_and_decisions_alone() -> None:
    signals, wrong = simulated(500)
    pairs, truth = pairs_of(signals), wrong.to_numpy()
    seen = follow(pairs, truth, 5, num_draws=8)
    first = audit_of(pairs, seen, 5)
    turned = signals.sample(frac=1, random_state=1)
    other = pairs_of(turned)
    moved = other.ids.get_indexer(pairs.ids)
    again = audit_of(other, Seen(moved[seen.rows], seen.wrong), 5)
    assert np.array_equal(first.drawn, again.drawn) and len(first.drawn) == 8
    assert np.array_equal(moved[first.heads], again.heads)
    assert not np.array_equal(random_order(pairs, 5), random_order(pairs, 6))


def test_a_verdict_that_is_changed_or_taken_back_leaves_the_draws_as_they_were(tmp_path: Path) -> None:
    signals, wrong = simulated(300)
    pairs, store = pairs_of(signals), DecisionStore.open(tmp_path / "decisions.sqlite")
    followed = pairs.ids[follow(pairs, wrong.to_numpy(), 0, num_draws=6).rows]

    def drawn() -> list[str]:
        decisions = in_order_of_first_decision(store.current(), store.history())
        seen = seen_of(pairs, decisions)
        return pairs.ids[seen.rows[audit_of(pairs, seen, 0).drawn]].tolist()

    store.append([Decision(pair_id, "keep", "ana", "t", pair_id) for pair_id in followed])
    before = drawn()
    assert len(before) == 6
    store.append([Decision(before[0], "drop", "ben", "t", "changed")])
    assert store.current()["pair_id"].iloc[-1] == before[0] and drawn() == before
    store.undo(before[0], "ben", "undone")
    assert drawn() == before
    store.undo(before[0], "ana", "undone too")
    assert before[0] not in drawn()


def test_pairs_chosen_freely_are_passed_over_and_a_stratum_can_be_used_up() -> None:
    signals, wrong = simulated(200)
    pairs = pairs_of(signals)
    empty = audit_of(pairs, seen_from([], wrong), 0)
    behind = [row for row in random_order(pairs, 0) if row not in set(empty.heads.tolist())][:50]
    free = audit_of(pairs, seen_from(behind, wrong), 0)
    assert len(free.drawn) == 0 and np.array_equal(free.heads, empty.heads)
    everything = audit_of(pairs, seen_from(np.arange(200), wrong), 0)
    assert (everything.heads == -1).all() and (everything.head_num_undecided == 0).all()


@pytest.mark.parametrize("num_pairs", [1, 3])
def test_very_small_tables_have_an_audit(num_pairs: int) -> None:
    signals, wrong = simulated(50)
    audit = audit_of(pairs_of(signals.head(num_pairs)), seen_from([], wrong), 0)
    assert set(audit.heads[audit.heads >= 0]) <= set(range(num_pairs)) and audit.heads.max() >= 0
