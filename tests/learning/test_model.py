"""The model around the unsupervised estimate: careful with few decisions, better with many, exact at its mode."""

import numpy as np
import pandas as pd
import pytest
from learning.simulated import decisions_on, seen_from, simulated
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from engine.errors import ConfigError
from engine.learning.model import _laplace, fit, reranked
from engine.learning.table import Seen, pairs_of, seen_of

NOTHING = Seen(np.array([], dtype=np.intp), np.array([]))


def test_without_decisions_the_unsupervised_order_stands() -> None:
    signals, _ = simulated()
    pairs = pairs_of(signals)
    table = reranked(pairs, fit(pairs, NOTHING).p_wrong(pairs))
    assert np.array_equal(table["rank"], signals["p_wrong"].rank(ascending=False))
    assert sorted(table["rank"]) == list(range(1, len(signals) + 1))
    assert table["suspicion_learned"].between(0, 1).all() and table["p_wrong_learned"].nunique() > 1000
    assert table.sort_values("rank")["suspicion_learned"].is_monotonic_decreasing


@pytest.mark.parametrize("verdict", ["keep", "drop", "relabel", "unsure"])
def test_one_verdict_is_enough_and_moves_the_estimate_the_right_way(verdict: str) -> None:
    signals, _ = simulated()
    pairs = pairs_of(signals)
    middling = (signals["p_wrong"] - 0.5).abs().idxmin()
    decisions = pd.DataFrame({"pair_id": [middling], "verdict": [verdict]})
    change = fit(pairs, seen_of(pairs, decisions)).p_wrong(pairs) - fit(pairs, NOTHING).p_wrong(pairs)
    direction = {"keep": -1, "unsure": 0}.get(verdict, 1)
    assert np.sign(np.round(change[pairs.ids.get_loc(middling)], 12)) == direction
    assert np.abs(change).max() < 0.2


def test_few_decisions_never_cost_much_and_many_gain() -> None:
    signals, wrong = simulated(share=0.2)
    pairs, truth = pairs_of(signals), wrong.to_numpy()
    before = average_precision_score(truth, signals["p_wrong"])
    change = {}
    for number in (1, 3, 10, 200):
        values = []
        for seed in range(12):
            rows = np.random.default_rng(seed).choice(len(pairs), number, replace=False)
            values.append(average_precision_score(truth, fit(pairs, seen_from(rows, wrong)).p_wrong(pairs)) - before)
        change[number] = np.array(values)
    assert min(change[number].mean() for number in (1, 3, 10)) > -0.003
    assert min(change[number].min() for number in (1, 3)) > -0.01
    assert change[200].mean() > 0.02


def test_one_wrong_pair_that_looked_right_does_not_turn_the_order_over() -> None:
    signals, wrong = simulated(share=0.2)
    pairs, truth = pairs_of(signals), wrong.to_numpy()
    surprise = np.flatnonzero(truth)[np.argmin(pairs.prior[truth])]
    others = np.random.default_rng(0).choice(np.flatnonzero(~truth), 9, replace=False)
    learned = fit(pairs, seen_from(np.r_[surprise, others], wrong)).p_wrong(pairs)
    before = expit(pairs.prior)
    assert pairs.prior[surprise] < -4 and np.abs(learned - before).max() > 0.01
    assert average_precision_score(truth, learned) > average_precision_score(truth, before) - 0.005


def test_the_mode_is_that_of_scikit_learn_and_of_a_general_minimiser() -> None:
    random = np.random.default_rng(3)
    columns, wrong = random.normal(size=(80, 4)), (random.random(80) < 0.4).astype(float)
    prior, deviation = random.normal(size=80), np.array([1.0, 0.5, 0.3, 0.3])

    def cost(theta: np.ndarray) -> float:
        odds = prior + columns @ theta
        return float((np.logaddexp(0, odds) - wrong * odds).sum() + ((theta / deviation) ** 2).sum() / 2)

    mode, _ = _laplace(columns, prior, wrong, deviation)
    assert np.abs(mode - minimize(cost, np.zeros(4), tol=1e-12).x).max() < 1e-5
    plain, _ = _laplace(columns, np.zeros(80), wrong, np.full(4, 0.7))
    theirs = LogisticRegression(C=0.7**2, fit_intercept=False, tol=1e-10).fit(columns, wrong).coef_[0]
    assert np.abs(plain - theirs).max() < 1e-5 and np.abs(plain).max() > 0.1


def test_the_evidence_is_the_integral_over_the_parameters() -> None:
    columns, prior, wrong = np.array([[1.0], [0.5], [-1.0]]), np.zeros(3), np.array([1.0, 1.0, 0.0])
    _, evidence = _laplace(columns, prior, wrong, np.array([0.5]))
    grid = np.linspace(-5, 5, 20_001)
    odds = columns * grid
    density = np.exp(-(grid**2) / 0.5) / np.sqrt(2 * np.pi * 0.25)
    exact = np.log((np.exp(wrong[:, None] * odds - np.logaddexp(0, odds)).prod(0) * density).sum() * 0.0005)
    assert evidence == pytest.approx(exact, abs=0.01)


def test_what_the_model_calls_thirty_percent_is_wrong_in_thirty_percent() -> None:
    signals, wrong = simulated(8000, misjudged=1.5)
    pairs = pairs_of(signals)
    seen = seen_from(np.random.default_rng(0).choice(len(pairs), 400, replace=False), wrong)
    learned = fit(pairs, seen).p_wrong(pairs)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        part = (learned > low) & (learned < high)
        assert learned[part].mean() == pytest.approx(wrong[part].mean(), abs=0.08)
    assert abs(signals["p_wrong"].mean() - wrong.mean()) > 0.1 > 0.03 > abs(learned.mean() - wrong.mean())


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_class_only_odd_columns_and_no_signal_at_all_are_no_obstacle(answer: float) -> None:
    signals, _ = simulated(300)
    signals["all_missing"] = np.nan
    for table in (signals, signals[["suspicion", "p_wrong"]]):
        pairs = pairs_of(table)
        learned = fit(pairs, Seen(np.arange(50), np.full(50, answer))).p_wrong(pairs)
        assert np.isfinite(learned).all() and ((learned > 0) & (learned < 1)).all()
        assert (learned.mean() > signals["p_wrong"].mean()) == bool(answer)


def test_the_scale_and_direction_of_a_signal_do_not_matter() -> None:
    signals, wrong = simulated(500)
    seen = seen_from(np.arange(100), wrong)
    other = signals.assign(best=-np.log(signals["best"]), plain=signals["plain"] ** 3)
    first, second = (fit(pairs_of(table), seen).p_wrong(pairs_of(table)) for table in (signals, other))
    assert np.abs(first - second).max() < 1e-9
    assert np.abs(first - signals["p_wrong"]).max() > 0.05


def test_decisions_on_other_pairs_are_passed_over_and_unusable_tables_refused() -> None:
    signals, wrong = simulated(50)
    pairs = pairs_of(signals)
    decisions = decisions_on(["p00003", "p00001"], wrong)
    elsewhere = pd.DataFrame({"pair_id": ["elsewhere"], "verdict": ["drop"]})
    assert seen_of(pairs, pd.concat([elsewhere, decisions])).rows.tolist() == [3, 1]
    with pytest.raises(ConfigError, match="stands twice"):
        seen_of(pairs, pd.concat([decisions, decisions]))
    with pytest.raises(ConfigError, match="maybe"):
        seen_of(pairs, decisions.assign(verdict="maybe"))
    for broken in (signals.drop(columns="p_wrong"), signals.assign(p_wrong=1.5), signals.assign(suspicion=np.nan)):
        with pytest.raises(ConfigError, match="Expected"):
            pairs_of(broken)
