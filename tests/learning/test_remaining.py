"""What is left unseen: the interval holds the truth, also where the unsupervised estimate is far off."""

import numpy as np
import pandas as pd
import pytest
from learning.simulated import decisions_on, seen_from, simulated
from scipy.special import expit, logit
from scipy.stats import norm

from engine.learning import remaining as module
from engine.learning.advice import advise, in_words
from engine.learning.audit import NUM_STRATA, audit_of
from engine.learning.model import fit
from engine.learning.remaining import GRID, Remaining, remaining
from engine.learning.simulation import simulate_decisions
from engine.learning.table import Seen, pairs_of


def estimate(signals: pd.DataFrame, seen: Seen, **options: float) -> Remaining:
    pairs = pairs_of(signals)
    return remaining(pairs, seen, fit(pairs, seen).p_wrong(pairs), audit_of(pairs, seen, 0), **options)


def test_the_interval_holds_the_truth_in_nine_of_ten_runs_whatever_the_estimate() -> None:
    runs = []
    for seed in range(50):
        random = np.random.default_rng(seed)
        off = random.choice([-1.2, 0.0, 1.2])
        signals, wrong = simulated(1200, share=random.choice([0.05, 0.1, 0.2, 0.3]), seed=seed, misjudged=off)
        table = simulate_decisions(signals, wrong, [60, 140], seeds=[seed], arms=["proposed"])
        runs.append(table.assign(off=abs(signals["p_wrong"].sum() - wrong.sum()) / wrong.sum()))
    table = pd.concat(runs)
    assert table["covered"].mean() >= 0.87  # 100 estimates: .9 less the standard error
    assert table["off"].mean() > 0.35
    far_off = (table["remaining"] - table["remaining_truth"]).abs() / table["remaining_truth"]
    assert far_off.mean() < 0.7 * table["off"].mean()
    width = (table["high"] - table["low"]) / table["remaining_truth"]
    narrower = width.groupby(table["num_decisions"]).median()
    assert narrower[140] < 0.85 * narrower[60] and narrower[140] < 1


def test_with_many_draws_the_estimate_is_right_although_the_model_is_not() -> None:
    signals, wrong = simulated(3000, share=0.2)
    signals["p_wrong"] = expit(0.2 * logit(signals["p_wrong"].clip(0.01, 0.99)) - 3)  # far too low, and too flat
    pairs = pairs_of(signals)
    draws: list[int] = []
    for _ in range(50):
        heads = audit_of(pairs, seen_from(draws, wrong), 0).heads
        draws += [int(row) for row in heads]
    seen = seen_from(draws, wrong)
    left = estimate(signals, seen)
    truth = wrong.sum() - seen.wrong.sum()
    assert left.low <= truth <= left.high and left.num_draws == 300
    assert left.high - left.low < 0.4 * truth
    assert signals["p_wrong"].sum() < 0.6 * truth


def test_the_shifts_are_drawn_from_their_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    stratum, odds = np.zeros(12, dtype=np.intp), random.normal(-1, 0.5, 12)
    wrong = (random.random(12) < 0.6).astype(float)
    shifts = GRID[module._shifts(stratum, odds, wrong, np.ones(NUM_STRATA))]
    own = np.sqrt(module.STRATUM_DEVIATION**2 + module.SURENESS_DEVIATION**2)
    total = np.sqrt(own**2 + module.SHARED_DEVIATION**2)
    fine = np.linspace(-6, 6, 4001)
    p = expit(odds[:, None] + fine)
    density = norm.pdf(fine, 0, total) * np.where(wrong[:, None] == 1, p, 1 - p).prod(0)
    mean = (fine * density).sum() / density.sum()
    deviation = np.sqrt(((fine - mean) ** 2 * density).sum() / density.sum())
    assert shifts[:, 0].mean() == pytest.approx(mean, abs=0.04) and abs(mean) > 0.5
    assert shifts[:, 0].std() == pytest.approx(deviation, rel=0.05)
    shared = module.SHARED_DEVIATION**2 / total**2  # what the first stratum tells of a stratum without draws
    assert shifts[:, 1].mean() == pytest.approx(shared * mean, abs=0.05)
    assert np.corrcoef(shifts[:, 1], shifts[:, 2])[0, 1] > 0.05


def test_unsure_answers_count_as_seen_and_teach_nothing() -> None:
    signals, wrong = simulated()
    pairs = pairs_of(signals)
    heads = audit_of(pairs, seen_from([], wrong), 0).heads
    unsure = Seen(heads, np.full(len(heads), np.nan))
    left, before = estimate(signals, unsure), estimate(signals, seen_from([], wrong))
    assert (left.num_unseen, left.num_draws) == (len(signals) - len(heads), 0)
    assert abs(left.wrong - before.wrong) < 10 and before.num_unseen == len(signals)
    assert estimate(signals, seen_from(heads, wrong)).num_draws == len(heads)


def test_nothing_is_left_when_all_has_been_seen() -> None:
    signals, wrong = simulated(200)
    left = estimate(signals, seen_from(np.arange(200), wrong))
    assert (left.wrong, left.low, left.high, left.num_unseen, left.in_next) == (0, 0, 0, 0, 0)
    advice = advise(signals, decisions_on(list(signals.index), wrong))
    assert advice.may_stop and advice.sentence == "Every pair has been looked at."
    assert advice.proposals.empty


def test_the_next_ones_hold_what_was_said() -> None:
    signals, wrong = simulated(4000, share=0.1)
    pairs = pairs_of(signals)
    seen = seen_from(np.random.default_rng(0).choice(4000, 300, replace=False), wrong)
    p_wrong = fit(pairs, seen).p_wrong(pairs)
    rest = np.setdiff1d(np.argsort(-p_wrong, kind="stable"), seen.rows, assume_unique=True)
    for count in (50, 400):
        said = estimate(signals, seen, next_count=count)
        assert said.next_count == count
        assert said.in_next == pytest.approx(wrong.to_numpy()[rest[:count]].sum(), rel=0.2)


def test_the_advice_is_told_in_words() -> None:
    left = Remaining(wrong=12.2, low=3, high=30, num_unseen=5400, num_draws=60, in_next=1.9, next_count=50)
    assert in_words(left, may_stop=True).startswith(
        "About 12 (3–30) wrong pairs are left among 5,400 unseen; the next 50 would hold about 2. Stopping is"
    )
    assert "when they would hold fewer than 3" in in_words(left, may_stop=False)
    signals, wrong = simulated()
    advice = advise(signals, decisions_on(["p00000"], wrong), seed=1)
    assert not advice.may_stop and "rests on the unsupervised estimate" in advice.sentence
    assert set(advice.ranking.index) == set(signals.index) and len(advice.proposals) == 20
