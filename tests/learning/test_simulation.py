"""Simulated annotators: the measures mean what they say, and following the proposals pays."""

import numpy as np
import pytest
from learning.simulated import simulated
from sklearn.metrics import average_precision_score

from engine.errors import ConfigError
from engine.learning.simulation import Annotator, simulate_decisions


def test_following_the_proposals_gains_more_than_nothing_and_than_random_decisions() -> None:
    signals, wrong = simulated(share=0.2)
    table = simulate_decisions(signals, wrong, [100], seeds=range(5))
    all_pairs = table.groupby("arm")["average_precision_all"].mean()
    assert all_pairs["proposed"] > all_pairs["random"] + 0.01 > all_pairs["none"] + 0.02
    rest = table[table["arm"] == "proposed"]
    assert (rest["average_precision_rest"] > rest["average_precision_rest_unsupervised"]).all()
    assert (rest["remaining_truth"] + rest["num_found"] == wrong.sum()).all()


def test_decided_pairs_are_placed_by_their_verdict_and_the_rest_measured_alone() -> None:
    signals, wrong = simulated(200)
    table = simulate_decisions(signals, wrong, [0, 200], seeds=[0]).set_index(["arm", "num_decisions"])
    unsupervised = average_precision_score(wrong, signals["suspicion"])
    none, everything = table.loc[("none", 0)], table.loc[("proposed", 200)]
    assert none["average_precision_all"] == pytest.approx(unsupervised)
    assert table.loc[("random", 0), "average_precision_rest"] == pytest.approx(unsupervised) and unsupervised < 0.95
    assert everything["average_precision_all"] == 1 and np.isnan(everything["average_precision_rest"])
    assert everything["num_found"] == wrong.sum() and everything["remaining_truth"] == 0 and everything["covered"]


def test_an_annotator_who_errs_is_placed_by_what_he_said() -> None:
    signals, wrong = simulated(600)
    answers = Annotator(wrong.to_numpy(), error_rate=0.2, seed=3).answers(np.arange(600))
    assert 0.15 < (answers != wrong).mean() < 0.25
    again = Annotator(wrong.to_numpy(), error_rate=0.2, seed=3).answers(np.arange(600)[::-1])
    assert np.array_equal(answers, again[::-1])
    left = simulate_decisions(signals, wrong, [100], seeds=[3], error_rate=0.2, arms=["proposed"]).iloc[0]
    assert left["remaining_as_judged"] > 1.3 * left["remaining_truth"] and left["covered_as_judged"]
    table = simulate_decisions(signals, wrong, [600], seeds=[3], error_rate=0.2, arms=["random"])
    assert table["average_precision_all"][0] == pytest.approx(average_precision_score(wrong, answers))


def test_the_truth_among_the_signals_is_refused() -> None:
    signals, wrong = simulated(50)
    with pytest.raises(ConfigError, match="apart"):
        simulate_decisions(signals.assign(is_wrong=wrong), wrong)
    with pytest.raises(ConfigError, match="40 truths"):
        simulate_decisions(signals, wrong.head(40))
    with pytest.raises(ConfigError, match="oracle"):
        simulate_decisions(signals, wrong, arms=["oracle"])
    with pytest.raises(ConfigError, match="error rate"):
        Annotator(wrong.to_numpy(), error_rate=0.7)
