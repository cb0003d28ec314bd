"""The map in a real browser: what is drawn round is what is listed, by mouse and by keyboard."""

import math
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from browser.test_gallery import TILES, wait_for

from dashboard.components.pair_list import PAGE_SIZE
from dashboard.pair_map import corners_of, inside
from engine.runs import RunFolder

pytestmark = pytest.mark.browser
STAGE = ".map .stage"


def address(page) -> str:
    return page.evaluate("location.href")  # `page.url` stands still while a test waits


def area_in(page) -> str:
    return parse_qs(urlparse(address(page)).query).get("area", [""])[0]


def pairs_in(run: RunFolder, area: str, kind: str = "image") -> list[str]:
    """The training pairs in an area, the most suspicious first, from the run's own tables."""
    placed = run.table("map").query("kind == @kind").set_index("pair_id")
    ranked = run.table("scores").sort_values("suspicion_rank")["pair_id"]
    points = np.rint((placed.loc[ranked, ["x", "y"]].to_numpy() + 1) / 2 * 65535).astype(np.uint16)
    return ranked.to_numpy()[inside(points, corners_of(area))].tolist()


def open_map(page, site: str, query: str = "") -> dict[str, float]:
    page.goto(f"{site}/map{query}")
    page.locator(STAGE).wait_for()
    page.locator(".map .legend span").first.wait_for()
    page.wait_for_timeout(500)
    return page.locator(STAGE).bounding_box()


def listed(page) -> list[str]:
    return page.locator(TILES).evaluate_all("all => all.map(one => one.dataset.pair)")


def test_a_lasso_lists_exactly_the_pairs_inside_and_a_reload_shows_the_same(page, site: str, sample_run) -> None:
    box = open_map(page, site)
    x, y, radius = box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.2, box["height"] * 0.14
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for turn in range(1, 40):
        angle = turn / 40 * 2 * math.pi
        page.mouse.move(x + radius * math.cos(angle), y + radius * math.sin(angle))
    page.mouse.up()
    wait_for(lambda: area_in(page))
    expected = pairs_in(sample_run, area_in(page))
    assert 10 < len(expected) < 400
    wait_for(lambda: listed(page) == expected[:PAGE_SIZE])
    page.get_by_test_id("stMetricValue").filter(has_text=f"{len(expected):,}").wait_for()
    said = page.locator(".map .said").text_content()
    assert said.startswith(f"{len(expected):,} of the points")  # the browser and the server count the same
    url = address(page)
    page.reload()
    wait_for(lambda: listed(page) == expected[:PAGE_SIZE])
    assert address(page) == url
    page.get_by_role("button", name="Clear the area").click()
    wait_for(lambda: not area_in(page) and not listed(page))


def test_a_box_moved_by_keys_chooses_what_is_in_it(page, site: str, sample_run) -> None:
    open_map(page, site, "?alike=Captions")
    page.locator(STAGE).focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    wait_for(lambda: area_in(page))
    corners = corners_of(area_in(page))
    assert len({tuple(one) for one in corners.tolist()}) == 4
    assert len(set(corners[:, 0])) == len(set(corners[:, 1])) == 2
    expected = pairs_in(sample_run, area_in(page), "caption")
    assert expected
    wait_for(lambda: listed(page) == expected[:PAGE_SIZE])
    page.locator(STAGE).focus()
    page.keyboard.press("Escape")
    wait_for(lambda: not area_in(page))


def test_zoom_moves_the_map_and_the_lasso_with_it(page, site: str, sample_run) -> None:
    box = open_map(page, site)
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    corners = [(-150, -100), (150, -100), (150, 100), (-150, 100)]
    page.mouse.move(x + corners[0][0], y + corners[0][1])
    page.mouse.down()
    for dx, dy in corners[1:]:
        page.mouse.move(x + dx, y + dy, steps=8)
    page.mouse.up()
    wait_for(lambda: area_in(page))
    side = corners_of(area_in(page))
    assert (side.max(0) - side.min(0) < 16_000).all()  # a quarter of the map at most, at this zoom
    expected = pairs_in(sample_run, area_in(page))
    wait_for(lambda: listed(page) == expected[:PAGE_SIZE])


def test_what_is_under_the_pointer_is_shown_and_a_click_opens_it(page, site: str, sample_run, runs_dir: Path) -> None:
    box = open_map(page, site)
    tip, found = page.locator(".map .tip"), False
    for step in range(60):
        page.mouse.move(box["x"] + box["width"] * (0.3 + 0.005 * step), box["y"] + box["height"] * 0.5)
        page.wait_for_timeout(30)
        if found := tip.is_visible():
            break
    assert found
    caption = tip.inner_text().strip()
    assert caption in set(sample_run.table("pairs")["caption"])
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/pair?*")
    page.get_by_text(caption, exact=True).first.wait_for()
