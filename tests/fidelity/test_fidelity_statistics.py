"""The figures of a fidelity experiment, on predictions whose quality is known."""

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.fidelity.groups import draw_groups
from engine.fidelity.options import FidelityOptions
from engine.fidelity.statistics import lds, lds_margin, relative_error, slope, spearman

TRUTH = np.random.default_rng(0).normal(size=40)
NOISY = TRUTH + np.random.default_rng(1).normal(size=40)


def test_the_truth_predicts_itself_with_a_tight_interval() -> None:
    found = lds(TRUTH, TRUTH, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
    noisy = lds(NOISY, TRUTH, seed=0)
    assert noisy.low < noisy.value < noisy.high < 1 and noisy.high - noisy.low > 0.1
    assert lds(-TRUTH, TRUTH, seed=0).value == pytest.approx(-1)


def test_the_bootstrap_is_seeded() -> None:
    assert lds(NOISY, TRUTH, seed=3) == lds(NOISY, TRUTH, seed=3)
    assert lds(NOISY, TRUTH, seed=3).low != lds(NOISY, TRUTH, seed=4).low


def test_half_the_truth_has_slope_two_and_no_change_has_error_one() -> None:
    assert slope(TRUTH / 2, TRUTH) == pytest.approx(2)
    assert relative_error(TRUTH / 2, TRUTH) == pytest.approx(0.5)
    assert relative_error(np.zeros(40), TRUTH) == 1
    assert np.isnan(slope(np.zeros(40), TRUTH))


def test_ranks_are_compared_and_ties_share_theirs() -> None:
    assert spearman(np.array([1.0, 2, 3]), np.array([1.0, 10, 1000])) == pytest.approx(1)
    assert spearman(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 2, 4])) == pytest.approx(2.5 / 3)
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))


def test_a_margin_is_judged_on_the_same_groups() -> None:
    margin = lds_margin(TRUTH, NOISY, TRUTH, seed=0)
    assert margin.value == pytest.approx(1 - lds(NOISY, TRUTH, seed=0).value)
    assert 0 < margin.low < margin.value
    same = lds_margin(NOISY, NOISY, TRUTH, seed=0)
    assert (same.low, same.high) == (0, 0)


def test_groups_are_seeded_of_one_size_and_the_last_flagged_one_is_all_suspects() -> None:
    members, suspicion = np.arange(100, 200), np.linspace(0, 1, 100)
    options = FidelityOptions(groups=3, flagged=4, share=0.1)
    table = draw_groups(members, suspicion, options)
    assert table.equals(draw_groups(members, suspicion, options))
    sizes = table.groupby("group")["position"].nunique()
    assert sizes.tolist() == [10] * 7 and table["position"].isin(members).all()
    assert set(table.loc[table["group"] == 6, "position"]) == set(range(190, 200))
    suspects = table[table["kind"] == "flagged"].groupby("group")["position"].apply(lambda p: (p >= 190).sum())
    assert suspects.is_monotonic_increasing and suspects.iloc[0] < 5
    other = draw_groups(members, suspicion, FidelityOptions(groups=3, flagged=4, share=0.1, seed=1))
    assert not table["position"].equals(other["position"])


def test_every_option_is_another_experiment_and_senseless_ones_are_refused() -> None:
    changed = [{}, {"damping": 0.2}, {"groups": 9}, {"share": 0.2}, {"flagged": 1}, {"train_pairs": 9}, {"seed": 1}]
    assert len({FidelityOptions(**one).key for one in changed}) == len(changed)
    for one in ({"damping": 0.0}, {"groups": 2}, {"share": 0.9}, {"train_pairs": 1}, {"flagged": -1}):
        with pytest.raises(ConfigError):
            FidelityOptions(**one)
