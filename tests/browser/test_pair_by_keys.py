"""The Pair page by keyboard alone: decide, take back, go on, and write without deciding."""

from pathlib import Path

import pytest
from browser.test_gallery import TILES, wait_for

from engine.review import DecisionStore

pytestmark = pytest.mark.browser


def shown_pair(page) -> str:
    return page.evaluate("new URLSearchParams(location.search).get('pair')")


def open_most_suspicious(page, site: str) -> None:
    """Open the first pair of the list as a person does, so that there is a list to go on in."""
    page.goto(f"{site}/suspicious")
    page.locator(TILES).nth(5).wait_for()
    page.locator(TILES).first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Pictures like this one").wait_for()


def test_keys_decide_and_lead_through_the_list_and_letters_in_the_caption_decide_nothing(
    page, site: str, sample_run, runs_dir: Path
) -> None:
    first, second = sample_run.table("scores").nsmallest(2, "suspicion_rank")["pair_id"]
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    open_most_suspicious(page, site)
    wait_for(lambda: shown_pair(page) == first)
    page.keyboard.press("d")
    page.get_by_text("Drop – decided").wait_for()
    assert store.current()["pair_id"].tolist() == [first]
    page.keyboard.press("z")
    wait_for(lambda: store.current().empty)
    page.get_by_text("Drop – decided").wait_for(state="hidden")
    page.keyboard.press("ArrowRight")
    wait_for(lambda: shown_pair(page) == second)
    page.get_by_text("2 of 1,198 in the list").wait_for()
    field = page.get_by_label("Right caption, for relabelling")
    wait_for(lambda: field.count() == 1)  # the one of the pair before is gone
    field.fill("")
    field.type("a duck, looking up")
    page.wait_for_timeout(500)
    assert store.current().empty and shown_pair(page) == second
    page.locator("h1").click()
    page.wait_for_timeout(500)
    page.keyboard.press("l")
    wait_for(lambda: len(store.current()) > 0)
    row = store.current().iloc[0]
    assert (row["pair_id"], row["new_caption"]) == (second, "a duck, looking up")


def test_a_key_pressed_twice_in_a_hurry_never_decides_the_pair_that_is_still_loading(
    page, site: str, sample_run, runs_dir: Path
) -> None:
    first, second = sample_run.table("scores").nsmallest(2, "suspicion_rank")["pair_id"]
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    open_most_suspicious(page, site)
    page.get_by_text("Go on after deciding").click()
    page.wait_for_timeout(1500)
    page.locator("h1").click()
    page.keyboard.press("d")
    page.keyboard.press("d")
    wait_for(lambda: shown_pair(page) == second)
    page.get_by_text("2 of 1,198 in the list").wait_for()
    page.wait_for_timeout(1500)
    assert store.current()["pair_id"].tolist() == [first] and shown_pair(page) == second
