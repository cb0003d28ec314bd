"""The map as the browser gets it: areas as text, what lies inside, colours, thinning, size."""

import json
import zlib
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest

from dashboard import pair_map
from dashboard.pair_map import UNKNOWN, PairMap, area_of, colours, corners_of, gathering, inside, label_names
from engine.pairs.packs import thumbnail_name


def scores(num_pairs: int, **columns: object) -> pd.DataFrame:
    """Pairs, most suspicious first."""
    ids = [f"p{number}" for number in range(num_pairs)]
    rows = {"caption": [f"caption {one}" for one in ids], "thumbnail": None, "label": None, **columns}
    return pd.DataFrame({"pair_id": ids, **rows}, index=ids)


def placed(num_pairs: int, seed: int = 0) -> pd.DataFrame:
    """A map of both kinds, in another order than the scores."""
    generator = np.random.default_rng(seed)
    parts = []
    for kind in ("image", "caption"):
        ids = [f"p{number}" for number in generator.permutation(num_pairs)]
        x, y = generator.uniform(-1, 1, (2, num_pairs))
        parts.append(pd.DataFrame({"pair_id": ids, "kind": kind, "x": x, "y": y}))
    return pd.concat(parts)


def map_of_pairs(table: pd.DataFrame, rows: pd.DataFrame, kind: str) -> PairMap:
    own = table[table["kind"] == kind].set_index("pair_id").loc[rows.index, ["x", "y"]]
    points = own.assign(place=np.arange(1, len(rows) + 1))
    return pair_map.pair_map(points, lambda places: rows.iloc[[place - 1 for place in places]])


def winding(point: np.ndarray, corners: np.ndarray) -> bool:
    """Whether a point lies in a polygon that does not cross itself: the angles to its corners add up to a turn."""
    to = corners - point
    angles = np.arctan2(to[:, 1], to[:, 0])
    turns = (np.roll(angles, -1) - angles + np.pi) % (2 * np.pi) - np.pi
    return abs(turns.sum()) > np.pi


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_lies_inside_a_star_is_what_its_corners_turn_round(seed: int) -> None:
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, 25))
    corners = 32_000 + generator.uniform(8_000, 30_000, (25, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
    points = generator.integers(0, 65_536, (500, 2))
    found = inside(points, corners)
    assert found.tolist() == [winding(point, corners) for point in points]
    assert 50 < found.sum() < 450


def test_an_area_survives_the_way_through_the_address_bar() -> None:
    corners = np.array([[0, 0], [65_535, 0], [65_535, 65_535], [31_000, 12_345]])
    again = corners_of(area_of(corners))
    assert np.abs(again - corners).max() <= pair_map.CORNER_STEP / 2
    np.testing.assert_array_equal(corners_of(area_of(again)), again)
    everything = corners_of(area_of(np.array([[-9e9, -9e9], [9e9, -9e9], [9e9, 9e9], [-9e9, 9e9]])))
    edges = np.array([[0, 0], [65_535, 65_535], [0, 65_535]])
    assert inside(edges, everything).all()  # even the outermost points can be chosen


@pytest.mark.parametrize("area", [None, "", "abcd", "AAAABBBB", "AAAABBBBCCC", "AAAABBBBCC<>", "AAAA" * 65, "é" * 12])
def test_what_is_no_area_is_none(area: str | None) -> None:
    assert corners_of(area) is None


def test_points_are_looked_up_by_pair_and_hold_their_place_to_a_sixty_thousandth() -> None:
    table, rows = placed(50), scores(50)
    found = map_of_pairs(table, rows, "caption")
    own = table[table["kind"] == "caption"].set_index("pair_id").loc[rows.index, ["x", "y"]].to_numpy()
    np.testing.assert_allclose(found.points / 65_535 * 2 - 1, own, atol=2e-5)
    assert found.rows.index.tolist() == rows.index.tolist() and len(found.drawn) == 50
    assert not np.array_equal(found.points, map_of_pairs(table, rows, "image").points)


def test_a_large_map_draws_the_most_suspicious_and_some_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_map, "MOST_DRAWN", 40)
    monkeypatch.setattr(pair_map, "MOST_SUSPICIOUS", 10)
    found = map_of_pairs(placed(500), scores(500), "image")
    assert len(found.drawn) == 40 and found.drawn[:10].tolist() == list(range(10)) and found.drawn[10:].mean() > 150
    told = json.loads(zlib.decompress(b64decode(found.about)))
    assert told["pair_ids"] == [f"p{number}" for number in found.drawn] and len(found.points) == 500


def test_pairs_without_a_point_are_in_no_area() -> None:
    rows = scores(10)
    points = pd.DataFrame({"place": [2, 5, 9], "x": [0.0, 0.5, -0.9], "y": 0.0})
    found = pair_map.pair_map(points, lambda places: rows.iloc[[place - 1 for place in places]])
    assert found.rows.index.tolist() == ["p1", "p4", "p8"] and found.places.tolist() == [2, 5, 9]


def test_captions_under_the_pointer_are_cut_and_thumbnails_are_names_of_thumbnails() -> None:
    rows = scores(
        3, caption=["x" * 5000, "<script>", "ok"], thumbnail=[thumbnail_name(3, 4, b"webp"), "../../etc", None]
    )
    told = json.loads(zlib.decompress(b64decode(map_of_pairs(placed(3), rows, "image").about)))
    assert told["captions"] == ["x" * 90 + "…", "<script>", "ok"]
    assert told["thumbnails"] == [thumbnail_name(3, 4, b"webp"), "", ""]


def test_a_hundred_thousand_pairs_cost_the_page_less_than_two_megabytes() -> None:
    generator = np.random.default_rng(0)
    words = np.array(["red", "bus", "beside", "house", "in", "the", "snow", "with", "three", "foxes", "at", "night"])
    captions = [" ".join(one) for one in words[generator.integers(0, 12, (100_000, 10))]]
    thumbnails = [thumbnail_name(at // 2048, at % 2048 * 8000, generator.bytes(16)) for at in range(100_000)]
    found = map_of_pairs(placed(100_000), scores(100_000, caption=captions, thumbnail=thumbnails), "image")
    points = found.points[found.drawn]
    assert len(points) == 20_000 and len(found.about) + len(pair_map.packed(points.tobytes())) < 2_000_000


NOBODY = pd.DataFrame({"verdict": pd.Series(dtype=str)})


def test_influence_is_coloured_on_both_sides_of_zero_and_what_is_unknown_stays_grey() -> None:
    found = colours("influence", scores(5, influence=[-2.0, -1.0, 0.0, 1.0, np.nan]), NOBODY)
    assert found.values[0] == 0 and found.values[2] == 127 and found.values[4] == UNKNOWN
    assert found.values[1] + found.values[3] == pytest.approx(254, abs=1) and found.legend == ["hurts", "helps"]
    unknown = colours("influence", scores(2, influence=[np.nan, np.nan]), NOBODY)
    assert (unknown.values == UNKNOWN).all()


def test_labels_beyond_ten_share_a_colour_and_pairs_without_one_have_none() -> None:
    labels = [f"kind {number:02}" for number in range(12) for _ in range(20 - number)] + [None]
    found = colours("label", scores(len(labels), label=labels), NOBODY)
    assert found.legend == [*sorted(set(labels[:-1]))[:10], "other labels"]
    assert found.values[0] == 0 and found.values[-1] == UNKNOWN and found.values[-2] == 10


def test_decided_pairs_have_the_colour_of_their_verdict() -> None:
    decisions = pd.DataFrame({"verdict": ["drop", "keep"]}, index=["p2", "elsewhere"])
    assert colours("decided", scores(4), decisions).values.tolist() == [0, 0, 2, 0]


def test_suspicious_pairs_that_gather_are_found_and_scattered_ones_are_not() -> None:
    points = np.random.default_rng(0).integers(0, 65_536, (2000, 2))
    assert gathering(points) is None
    points[:60] = 50_000 + points[:60] // 40
    corners = gathering(points)
    assert inside(points[:60], corners).all() and inside(points, corners).mean() < 0.1
    assert gathering(points[:1]) is None


def test_a_label_is_named_where_its_pairs_lie_together_and_not_where_they_are_scattered() -> None:
    generator = np.random.default_rng(0)
    points = generator.integers(0, 65_536, (200, 2))
    points[:100] = generator.integers(-500, 500, (100, 2)) + np.array([20_000, 30_000])
    found = label_names(points, pd.Series(["together"] * 100 + ["scattered"] * 100))
    assert [one["name"] for one in found] == ["together"]
    assert abs(found[0]["x"] - 20_000) < 500 and abs(found[0]["y"] - 30_000) < 500
    assert label_names(points, pd.Series([None] * 200)) == []
