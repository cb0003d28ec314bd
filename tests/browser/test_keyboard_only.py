"""The whole way without a mouse: from the Overview to decisions, a pair, a confusion and its culprits."""

from pathlib import Path

import pytest
from browser.test_gallery import TILES, most_suspicious, wait_for

from engine.review import DecisionStore

pytestmark = pytest.mark.browser
MOST_TABS = 90
# What has the focus, inside shadow trees too: its words and its classes.
FOCUSED = """() => {
    let one = document.activeElement;
    if (one === document.body) return "";
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return `${one?.getAttribute("aria-label") ?? ""} ${one?.textContent ?? ""} .${one?.getAttribute("class") ?? ""}`;
}"""


def tab_to(page, words: str) -> None:
    """Press Tab until what has the focus holds these words, on a page that is all there: a rerun may take the focus."""
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    for _ in range(MOST_TABS):
        if words in page.evaluate(FOCUSED):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{words} is not reached by {MOST_TABS} tabs")


def test_everything_on_the_way_to_a_decision_is_reached_by_keys(page, site: str, sample_run, runs_dir: Path) -> None:
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    page.goto(site)
    page.get_by_role("heading", name="How healthy is this data set?").wait_for()

    tab_to(page, "Suspicious pairs")
    page.keyboard.press("Enter")
    page.locator(TILES).nth(59).wait_for()
    tab_to(page, ".tile")
    page.keyboard.press("k")
    page.keyboard.press("d")
    wait_for(lambda: store.current()["verdict"].tolist() == ["keep", "drop"])
    assert store.current()["pair_id"].tolist() == most_suspicious(sample_run, 2)
    page.keyboard.press("Enter")
    page.get_by_text("Why it is suspected").wait_for()
    page.keyboard.press("u")
    wait_for(lambda: store.current()["verdict"].tolist() == ["keep", "drop", "unsure"])

    page.goto(f"{site}/predictions")
    page.get_by_role("button", name="fox is taken for cat").wait_for()
    tab_to(page, "fox is taken for cat")
    page.keyboard.press("Enter")
    page.wait_for_url("**said=cat**")
    page.locator(".predictions .card").first.wait_for()
    tab_to(page, ".card")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Why did the model say this?").wait_for()
    page.locator(TILES).first.wait_for()
    tab_to(page, ".tile")
    page.keyboard.press("q")
    # Two galleries stand side by side: which of them has the focus is the page's choice.
    page.locator(TILES).get_by_text("In review").locator("visible=true").wait_for()
