"""Ranges brushed on histograms: what is drawn, and what is taken from the browser."""

import numpy as np
import pytest

from dashboard.components.brush import read_ranges
from dashboard.histograms import NUM_BINS, histogram

GOOD = {"column": "clip_score", "sequence": 3, "low": 0.1, "high": None}


def test_a_histogram_counts_every_finite_value_and_outliers_do_not_flatten_it() -> None:
    values = np.concatenate([np.linspace(0, 1, 10_000), [1e9, -1e9, np.nan, np.inf]])
    found = histogram(values)
    assert sum(found.counts) == 10_002 and len(found.counts) == NUM_BINS == len(found.edges) - 1
    assert 0 <= found.edges[0] < found.edges[-1] <= 1 and min(found.counts[1:-1]) > 200
    assert all(len(repr(edge)) <= 7 for edge in found.edges)  # they end up in links


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1.0, 1e7])
def test_edges_of_any_scale_rise(scale: float) -> None:
    found = histogram(np.random.default_rng(0).normal(size=1_000) * scale)
    assert np.all(np.diff(found.edges) > 0) and len(found.counts) == NUM_BINS


def test_a_rare_value_is_shown_although_nearly_all_are_the_same() -> None:
    assert sum(histogram(np.array([0.0] * 10_000 + [1.0])).counts) == 10_001


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [2.0, 2.0, np.nan]])
def test_without_a_choice_there_is_no_histogram(values: list[float]) -> None:
    assert histogram(np.array(values)) is None


def test_new_ranges_are_taken_once() -> None:
    assert read_ranges([GOOD], 2, {"clip_score"}) == ({"clip_score": (0.1, None)}, 3)
    assert read_ranges([GOOD], 3, {"clip_score"}) == ({}, 3)
    cleared = {**GOOD, "sequence": 9, "low": None}
    assert read_ranges([cleared], 3, {"clip_score"}) == ({"clip_score": (None, None)}, 9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"column": "pair_id"},
        {"column": ["clip_score"]},
        {"sequence": "4"},
        {"sequence": True},
        {"sequence": -1},
        {"low": "0"},
        {"low": float("nan")},
        {"low": True},
        {"low": 0.5, "high": 0.4},
        {"high": float("inf")},
    ],
)
def test_a_malformed_range_is_passed_over_and_its_neighbours_are_not(wrong: dict) -> None:
    other = {"column": "influence", "sequence": 5, "low": None, "high": 0}
    found = read_ranges([{**GOOD, **wrong}, None, other], 2, {"clip_score", "influence"})
    assert found == ({"influence": (None, 0)}, 5)


@pytest.mark.parametrize("brushed", [None, "x", {"column": "clip_score"}, [1, None]])
def test_what_is_no_list_of_ranges_is_an_empty_one(brushed: object) -> None:
    assert read_ranges(brushed, 4, {"clip_score"}) == ({}, 4)
