"""Ranges brushed on histograms: what is drawn, and what is taken from the browser."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ranked import ranked_tables

from dashboard.components.brush import read_ranges
from dashboard.histograms import NUM_BINS, Histogram, histogram

GOOD = {"column": "clip_score", "sequence": 3, "low": 0.1, "high": None}


def drawn(folder: Path, values: np.ndarray) -> Histogram | None:
    rows = pd.DataFrame({"pair_id": [f"p{n}" for n in range(len(values))], "clip_score": np.asarray(values, float)})
    rows = rows.astype({"pair_id": "str"})
    return histogram(ranked_tables(folder, rows.assign(suspicion_rank=range(len(rows)))), "clip_score")


def test_a_histogram_counts_every_finite_value_and_outliers_do_not_flatten_it(tmp_path: Path) -> None:
    values = np.concatenate([np.linspace(0, 1, 10_000), [1e9, -1e9, np.nan, np.inf]])
    found = drawn(tmp_path, values)
    assert sum(found.counts) == 10_002 and len(found.counts) == NUM_BINS == len(found.edges) - 1
    assert 0 <= found.edges[0] < found.edges[-1] <= 1 and min(found.counts[1:-1]) > 200
    assert all(len(repr(edge)) <= 7 for edge in found.edges)  # they end up in links


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1.0, 1e7])
def test_bins_are_those_that_numpy_counts_and_edges_of_any_scale_rise(scale: float, tmp_path: Path) -> None:
    values = np.round(np.random.default_rng(0).normal(size=1_000), 1) * scale  # many on an edge
    found = drawn(tmp_path, values)
    assert np.all(np.diff(found.edges) > 0) and len(found.counts) == NUM_BINS
    clipped = np.clip(values, found.edges[0], found.edges[-1])
    assert list(found.counts) == np.histogram(clipped, found.edges)[0].tolist()


def test_a_rare_value_is_shown_although_nearly_all_are_the_same(tmp_path: Path) -> None:
    assert sum(drawn(tmp_path, np.array([0.0] * 10_000 + [1.0])).counts) == 10_001


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [2.0, 2.0, np.nan]])
def test_without_a_choice_there_is_no_histogram(values: list[float], tmp_path: Path) -> None:
    assert drawn(tmp_path, np.array(values)) is None


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
