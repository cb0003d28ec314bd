"""The map page: the area in the URL says which pairs are listed."""

from pathlib import Path

import numpy as np
from pages import button, open_page, words_on

from dashboard.pair_map import area_of, corners_of, inside
from engine.runs import RunFolder


def area_and_pairs(runs_dir: Path, kind: str = "image") -> tuple[str, list[str]]:
    """A triangle of the map, and the training pairs in it, most suspicious first."""
    run = RunFolder(next(path for path in runs_dir.iterdir() if (path / "config.json").is_file()))
    area = area_of(np.array([[5_000, 5_000], [60_000, 20_000], [30_000, 60_000]]))
    ranked = run.table("scores").sort_values("suspicion_rank")["pair_id"]
    points = run.table("map").query("kind == @kind").set_index("pair_id").loc[ranked, ["x", "y"]].to_numpy(dtype=float)
    found = inside(np.rint((points + 1) / 2 * 65535), corners_of(area))
    return area, ranked[found].tolist()


def test_without_an_area_the_page_says_what_to_do_and_lists_nothing(runs_dir: Path) -> None:
    app = open_page("map")
    assert not app.exception and "Draw round a group of points" in words_on(app)
    assert "page 1 of" not in words_on(app)


def test_an_area_in_the_url_lists_its_pairs_with_their_number(runs_dir: Path) -> None:
    area, expected = area_and_pairs(runs_dir)
    app = open_page("map", area=area)
    assert not app.exception
    assert app.metric[0].value == f"{len(expected):,}" and 50 < len(expected) < 1000
    assert f"**{len(expected):,} pairs** · page 1 of" in words_on(app)
    other = open_page("map", area=area, alike="Captions")
    captions = area_and_pairs(runs_dir, "caption")[1]
    assert other.metric[0].value == f"{len(captions):,}" and set(captions) != set(expected)


def test_an_area_that_is_none_is_passed_over(runs_dir: Path) -> None:
    app = open_page("map", area="<script>alert(1)</script>")
    assert not app.exception and "Draw round a group of points" in words_on(app)


def test_a_click_shows_where_suspicious_pairs_gather(runs_dir: Path) -> None:
    app = open_page("map")
    app.query_params["page"] = "7"  # of an area chosen before
    button(app, "Where suspicious pairs gather").click().run()
    assert not app.query_params.get("page")
    assert not app.exception and corners_of(app.query_params["area"]) is not None
    assert int(app.metric[0].value.replace(",", "")) > 10


def test_every_colour_is_offered_and_drawn(runs_dir: Path) -> None:
    app = open_page("map")
    names = app.selectbox(key="colour").options
    assert names == ["Suspicion", "Probability of being wrong", "Influence", "Label", "Decided or not"]
    for name in ("p_wrong", "influence", "label", "decided"):
        app.selectbox(key="colour").set_value(name).run()
        assert not app.exception


def test_a_run_of_an_earlier_version_says_that_it_has_no_map(runs_dir: Path) -> None:
    for path in runs_dir.glob("*/map.parquet"):
        path.unlink()
    app = open_page("map")
    assert not app.exception and "No map of this run" in words_on(app)
