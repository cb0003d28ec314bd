"""Proposals: each with its reason, none decided, the same for everybody, spread over classes."""

import numpy as np
import pandas as pd
import pytest
from learning.simulated import seen_from, simulated

from engine.errors import ConfigError
from engine.learning.audit import audit_of
from engine.learning.model import fit
from engine.learning.proposals import AUDIT, LIKELY_WRONG, UNCERTAIN, Shares, proposed
from engine.learning.table import Pairs, Seen, pairs_of


def proposals(pairs: Pairs, seen: Seen, count: int = 20, seed: int = 0, **shares: float) -> pd.DataFrame:
    chosen = Shares(**shares) if shares else None
    return proposed(pairs, seen, fit(pairs, seen).p_wrong(pairs), audit_of(pairs, seen, seed), count, chosen)


def test_every_proposal_is_new_and_says_why() -> None:
    signals, wrong = simulated()
    pairs = pairs_of(signals)
    seen = seen_from(np.argsort(-pairs.prior)[:300], wrong)
    table = proposals(pairs, seen)
    assert table["pair_id"].is_unique and len(table) == 20
    assert not set(table["pair_id"]) & set(pairs.ids[seen.rows])
    assert table["reason"].value_counts().to_dict() == {LIKELY_WRONG: 2, UNCERTAIN: 14, AUDIT: 4}
    mean = table.groupby("reason")["p_wrong_learned"].mean()
    assert (table["reason"].head(4) == AUDIT).all()
    assert mean[LIKELY_WRONG] > mean[UNCERTAIN] and abs(mean[UNCERTAIN] - 0.5) < 0.1
    assert ((table["drawn_from"] > 0) == (table["reason"] == AUDIT)).all()


def test_the_same_seed_and_decisions_give_the_same_proposals() -> None:
    signals, wrong = simulated()
    pairs, seen = pairs_of(signals), seen_from(np.arange(40), wrong)
    first = proposals(pairs, seen)
    pd.testing.assert_frame_equal(first, proposals(pairs, seen))
    other = proposals(pairs, seen, seed=1)
    assert set(first.query("reason == 'audit'")["pair_id"]) != set(other.query("reason == 'audit'")["pair_id"])
    uncertain = [set(table.query("reason == 'uncertain'")["pair_id"]) for table in (first, other)]
    assert len(uncertain[0] & uncertain[1]) > 7


def test_the_next_draws_of_the_audit_are_proposed_as_audits_only() -> None:
    signals, wrong = simulated(400)
    pairs, seen = pairs_of(signals), seen_from([], wrong)
    audit = audit_of(pairs, seen, 0)
    likely = set(proposals(pairs, seen, count=60, likely_wrong=1.0, uncertain=0.0, audit=0.0)["pair_id"])
    top = pairs.ids[np.argsort(-pairs.prior)[:60]]
    assert not likely & set(pairs.ids[audit.heads]) and len(likely & set(top)) > 50
    withheld = set(top) & set(pairs.ids[audit.heads])
    assert withheld and likely.isdisjoint(withheld)


def test_the_shares_hold_over_many_small_calls() -> None:
    signals, wrong = simulated()
    pairs, seen, reasons = pairs_of(signals), seen_from([], wrong), []
    for _ in range(60):
        table = proposals(pairs, seen, count=1)
        reasons += table["reason"].tolist()
        rows = np.r_[seen.rows, pairs.ids.get_indexer(table["pair_id"])]
        seen = seen_from(rows, wrong)
    assert pd.Series(reasons).value_counts().to_dict() == {LIKELY_WRONG: 6, UNCERTAIN: 42, AUDIT: 12}
    assert len(audit_of(pairs, seen, 0).drawn) == 12


def test_uncertain_pairs_are_spread_over_classes_and_over_the_signals() -> None:
    signals, wrong = simulated(4000)
    signals["label"] = np.where(np.arange(4000) % 20 == 0, "rare", "common")
    pairs, seen = pairs_of(signals), seen_from([], wrong)
    only = {"likely_wrong": 0.0, "uncertain": 1.0, "audit": 0.0}
    table = proposals(pairs, seen, count=10, **only)
    assert 3 <= (signals.loc[table["pair_id"], "label"] == "rare").sum() <= 5
    clusters = pairs_of(signals.rename(columns={"label": "cluster"}).assign(label=None))
    assert proposals(clusters, seen, count=10, **only)["pair_id"].tolist() == table["pair_id"].tolist()
    without = pairs_of(signals.assign(label=None))
    spread = without.signals[without.ids.get_indexer(proposals(without, seen, count=10, **only)["pair_id"])]
    nearest = without.signals[np.argsort(np.abs(signals["p_wrong"] - 0.5).to_numpy())[:10]]
    assert spread.std(0).mean() > 1.2 * nearest.std(0).mean()


def test_when_little_is_left_all_of_it_is_proposed_once() -> None:
    signals, wrong = simulated(30)
    pairs = pairs_of(signals)
    assert len(proposals(pairs, seen_from(np.arange(30), wrong))) == 0
    rows, rounds = np.array([], dtype=np.intp), 0
    while len(rows) < 30 and rounds < 20:
        new = pairs.ids.get_indexer(proposals(pairs, seen_from(rows, wrong), count=7)["pair_id"])
        rows, rounds = np.r_[rows, new], rounds + 1
    assert sorted(rows) == list(range(30))


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ConfigError, match="add up"):
        Shares(likely_wrong=0.5, uncertain=0.5, audit=0.5)
