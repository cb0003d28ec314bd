"""Several pairs at once, the large view, pages by key, and fingers instead of a mouse."""

from pathlib import Path

import pytest
from browser.test_gallery import TILES, most_suspicious, open_suspicious, wait_for

from engine.review import DecisionStore

pytestmark = pytest.mark.browser
SELECTED = f"{TILES}.selected"


@pytest.fixture
def store(runs_dir: Path) -> DecisionStore:
    return DecisionStore.open(runs_dir / "decisions.sqlite")


@pytest.fixture
def grid(page, site: str, store: DecisionStore):
    """The Suspicious page with the first tile in focus."""
    open_suspicious(page, site)
    page.locator(TILES).first.focus()
    return page


def selected(page) -> list[str]:
    return page.locator(SELECTED).evaluate_all("all => all.map(one => one.dataset.pair)")


def focused(page) -> str | None:
    return page.evaluate("document.activeElement?.shadowRoot?.activeElement?.dataset?.pair ?? null")


def told(page) -> str:
    return page.locator(".gallery .said").text_content()


def verdicts(store: DecisionStore) -> dict[str, str]:
    current = store.current()
    return dict(zip(current["pair_id"], current["verdict"], strict=True))


def test_a_verdict_decides_all_that_are_selected_and_one_undo_takes_all_back(grid, store, sample_run) -> None:
    first = most_suspicious(sample_run, 8)
    grid.keyboard.press("k")  # an act of its own, which must stand
    for _ in range(3):
        grid.keyboard.press("Shift+ArrowRight")
    grid.keyboard.press("Shift+ArrowLeft")  # gives the last one up again
    assert selected(grid) == first[1:4]
    grid.locator(TILES).nth(6).click(modifiers=["Control"], position={"x": 60, "y": 240})
    assert selected(grid) == [*first[1:4], first[6]]
    grid.get_by_role("toolbar").get_by_text("4 selected").wait_for()
    grid.keyboard.press("d")
    assert selected(grid) == [] and focused(grid) == first[7]
    wait_for(lambda: len(store.current()) == 5)
    assert verdicts(store) == {first[0]: "keep", **dict.fromkeys([*first[1:4], first[6]], "drop")}
    grid.keyboard.press("z")
    wait_for(lambda: verdicts(store) == {first[0]: "keep"})
    assert len(store.history()) == 9
    wait_for(lambda: grid.locator(f"{TILES}.decided").count() == 1)


def test_the_mouse_selects_by_check_marks_and_ranges_and_the_bar_relabels_all(grid, store, sample_run) -> None:
    first = most_suspicious(sample_run, 6)
    grid.locator(TILES).nth(1).hover()
    grid.locator(TILES).nth(1).locator(".check").click()
    grid.locator(TILES).nth(4).locator(".caption").click(modifiers=["Shift"])
    assert selected(grid) == first[1:5]
    grid.locator(TILES).nth(2).locator(".frame").click()  # while some are selected, a picture selects too
    assert selected(grid) == [first[1], *first[3:5]]
    bar = grid.get_by_role("toolbar")
    bar.get_by_role("button", name="Relabel all selected").click()
    area = bar.get_by_label("One caption for all 3 selected pairs")
    assert area.input_value() == ""  # their captions differ
    area.fill("k, d: one caption")
    area.press("Enter")
    wait_for(lambda: len(store.current()) == 3)
    assert set(store.current()["new_caption"]) == {"k, d: one caption"}
    assert verdicts(store) == dict.fromkeys([first[1], *first[3:5]], "relabel")
    assert not bar.is_visible()


def test_the_selection_holds_over_reruns_is_cleared_by_escape_and_dies_with_its_page(grid, store) -> None:
    grid.keyboard.press("Control+a")
    assert len(selected(grid)) == 60
    grid.get_by_role("toolbar").get_by_text("All 60 on this page").wait_for()
    grid.keyboard.press("Escape")
    assert selected(grid) == []
    grid.keyboard.press("x")
    grid.locator(TILES).nth(5).get_by_role("button", name="Keep").click()  # a tile's own button decides that tile
    grid.get_by_text("1 of 60 decided").wait_for()
    assert len(selected(grid)) == 1 and len(store.current()) == 1
    grid.keyboard.press("PageDown")
    grid.get_by_text("· page 2 of").wait_for()
    wait_for(lambda: selected(grid) == [] and not grid.get_by_role("toolbar").is_visible())


def test_pages_are_turned_by_key_and_undo_reaches_back(grid, store, sample_run) -> None:
    ranked = most_suspicious(sample_run, 61)
    grid.keyboard.press("d")
    grid.keyboard.press("PageUp")
    assert told(grid) == "This is the first page."
    grid.keyboard.press("PageDown")
    grid.keyboard.press("k")  # nobody has seen what comes: decides nothing
    wait_for(lambda: focused(grid) == ranked[60])
    assert "page=2" in grid.url
    wait_for(lambda: verdicts(store) == {ranked[0]: "drop"})
    grid.keyboard.press("z")
    wait_for(lambda: verdicts(store) == {})
    assert told(grid) == "Undone on another page: 1."
    grid.keyboard.press("PageUp")
    wait_for(lambda: focused(grid) == ranked[0])
    assert len(store.history()) == 2


def test_the_large_view_is_walked_through_and_decided_in(grid, store, sample_run) -> None:
    first = most_suspicious(sample_run, 4)
    grid.keyboard.press("Space")
    view = grid.get_by_role("dialog", name="The pair, large")
    view.get_by_text("1 of 60").wait_for()
    wait_for(lambda: "/picture/" in view.locator(".figure img").get_attribute("src"))  # the large one has come
    grid.keyboard.press("ArrowRight")
    grid.keyboard.press("d")
    view.get_by_text("3 of 60").wait_for()
    grid.keyboard.press("l")
    area = view.get_by_label("The caption that fits the picture")
    area.fill("z is for zebra")
    area.press("Enter")
    view.get_by_text("4 of 60").wait_for()
    grid.keyboard.press("z")
    view.get_by_text("3 of 60").wait_for()
    grid.keyboard.press("Escape")
    wait_for(lambda: focused(grid) == first[2])
    wait_for(lambda: len(store.history()) == 3)
    assert verdicts(store) == {first[1]: "drop"}


def test_a_key_leads_to_the_search_and_the_choice_of_a_size_is_kept(grid, site: str) -> None:
    width = grid.locator(TILES).first.bounding_box()["width"]
    grid.keyboard.press("+")
    assert grid.locator(TILES).first.bounding_box()["width"] > 1.2 * width
    grid.keyboard.press("/")
    grid.keyboard.type("fox")
    assert grid.get_by_label("Words in the caption").input_value() == "fox"
    open_suspicious(grid, site)
    assert grid.locator(".gallery .grid.large").count() == 1
    grid.get_by_role("button", name="Small tiles").click()
    assert grid.locator(TILES).first.bounding_box()["width"] < width


def test_a_tile_scrolled_out_of_sight_is_shown_before_it_is_decided(grid, store) -> None:
    for _ in range(3):
        grid.mouse.move(700, 600)
        grid.mouse.wheel(0, 2500)
        grid.wait_for_timeout(100)
    first = grid.locator(TILES).first
    wait_for(lambda: first.bounding_box()["y"] < -500)
    grid.keyboard.press("d")
    wait_for(lambda: first.bounding_box()["y"] > 0)
    assert not grid.locator(f"{TILES}.decided").count()
    grid.keyboard.press("d")
    wait_for(lambda: len(store.history()) == 1)


def test_fingers_select_by_a_long_press_and_find_large_buttons(chromium, site: str, store, sample_run) -> None:
    context = chromium.new_context(viewport={"width": 412, "height": 900}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    open_suspicious(page, site)
    first = most_suspicious(sample_run, 4)
    second = page.locator(TILES).nth(1).locator(".frame")
    second.scroll_into_view_if_needed()
    box, devtools = second.bounding_box(), context.new_cdp_session(page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    page.locator(SELECTED).wait_for()
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(TILES).nth(3).locator(".frame").tap()
    assert selected(page) == [first[1], first[3]]
    keep = page.get_by_role("toolbar").get_by_role("button", name="Keep all selected")
    assert min(keep.bounding_box()[side] for side in ("width", "height")) >= 40
    keep.tap()
    wait_for(lambda: verdicts(store) == dict.fromkeys([first[1], first[3]], "keep"))
    drop = page.locator(TILES).first.get_by_role("button", name="Drop")
    drop.scroll_into_view_if_needed()
    assert min(drop.bounding_box()[side] for side in ("width", "height")) >= 40
    drop.tap()
    wait_for(lambda: verdicts(store).get(first[0]) == "drop")
    context.close()
