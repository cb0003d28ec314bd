"""From a mistake to what taught it in a real browser: three clicks, the matrix by keyboard, a what-if that is left."""

import pytest
from browser.test_gallery import TILES, wait_for
from playwright.sync_api import expect

from dashboard.predictions import confusions

pytestmark = pytest.mark.browser
CARDS = ".predictions .card"


def focused(page) -> str:
    """The name of what has the focus, inside components too."""
    return page.evaluate(
        """() => {
          let at = document.activeElement;
          while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
          return at.getAttribute("aria-label") || at.textContent;
        }"""
    )


def test_three_clicks_lead_from_the_predictions_to_the_planted_culprits(page, site: str) -> None:
    """A person who only reads what is on the screen: the page, the first confusion named there, the first mistake."""
    page.goto(site)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Predictions").click()
    most_frequent = page.get_by_role("button", name="is taken for").first
    expect(most_frequent).to_contain_text("pear is taken for apple")
    most_frequent.click()
    expect(page.locator(CARDS).first).to_contain_text("taken for apple")
    page.locator(CARDS).first.click()
    page.get_by_role("heading", name="Why did the model say this?").wait_for()
    page.get_by_text("Pairs that taught the mistake").wait_for()
    tiles = page.locator(TILES)
    tiles.nth(11).wait_for()
    captions = [one.lower() for one in tiles.locator(".caption").all_inner_texts()[:12]]
    assert sum("apple" in one for one in captions) >= 9  # pears that were captioned as apples


def test_the_matrix_is_walked_and_chosen_by_keyboard_alone(page, site: str, sample_run) -> None:
    counted = confusions(sample_run.table("queries").query("kind == 'classification'"))
    shown = sorted(one["name"] for one in counted["classes"][:12])
    page.goto(f"{site}/predictions")
    grid = page.get_by_role("grid")
    grid.wait_for()
    assert grid.get_by_role("rowheader").all_inner_texts() == shown
    for _ in range(60):
        page.keyboard.press("Tab")
        if " taken for " in focused(page) and " is taken for " not in focused(page):
            break
    assert focused(page).startswith("pear taken for apple: 15 of ")  # Tab reaches the strongest confusion first
    page.keyboard.press("ArrowUp")
    assert focused(page).startswith(f"{shown[shown.index('pear') - 1]} taken for apple")
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "true=pear" in url and "said=apple" in url)
    expect(page.locator(CARDS)).to_have_count(15)
    assert focused(page).startswith("pear taken for apple")  # where the walk goes on
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "true=" not in url)
    expect(page.locator(CARDS)).to_have_count(30)
    page.get_by_role("button", name="All 16 classes").click()
    expect(grid.get_by_role("rowheader")).to_have_count(16)


def test_a_chosen_cell_survives_reload_and_back(page, site: str) -> None:
    page.goto(f"{site}/predictions")
    page.get_by_role("gridcell", name="fox taken for cat").get_by_role("button").click()
    expect(page.locator(CARDS)).to_have_count(6)
    page.wait_for_url(lambda url: "true=fox" in url)
    page.reload()
    expect(page.locator(CARDS)).to_have_count(6)
    expect(page.get_by_role("button", name="fox is taken for cat")).to_have_attribute("aria-pressed", "true")
    page.locator(CARDS).first.click()
    page.get_by_role("heading", name="Why did the model say this?").wait_for()
    page.go_back()
    expect(page.locator(CARDS)).to_have_count(6, timeout=20_000)
    page.wait_for_url(lambda url: "true=fox" in url and "query=" not in url)  # so a reload shows the same again


def test_a_wrong_retrieval_shows_both_pictures_and_cards_are_walked_by_arrow_keys(page, site: str) -> None:
    page.goto(f"{site}/predictions?task=Finding+captions")
    first = page.locator(CARDS).first
    expect(first).to_contain_text("It should find")
    expect(first).to_contain_text("The model picks")
    wait_for(lambda: first.locator("img").evaluate_all("all => all.filter(one => one.naturalWidth > 0).length") == 2)
    first.focus()
    page.keyboard.press("ArrowRight")
    second = page.locator(CARDS).nth(1).get_attribute("data-query")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Why did the model say this?").wait_for()
    page.wait_for_url(lambda url: second.split(":")[1] in url)


@pytest.mark.timeout(400)
def test_a_what_if_can_be_left_found_again_and_cancelled(page, site: str) -> None:
    page.goto(f"{site}/what-if?of=culprits&n=5")
    ask = page.get_by_role("button", name="Predict the model without 5 pairs")
    ask.click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    ask.click()
    page.get_by_role("button", name="Cancel").wait_for()  # else the page could be left before the click has arrived
    page.goto(f"{site}/predictions")
    page.go_back()
    page.get_by_text("Predicted without 5 pairs").wait_for(timeout=120_000)
    page.reload()
    page.get_by_text("Predicted without 5 pairs").wait_for()
    expect(page.get_by_text("90 %:")).to_have_count(3)


def test_pairs_selected_in_the_gallery_are_what_is_left_out_and_go_along_to_the_what_if(
    page, site: str, sample_run
) -> None:
    query = sample_run.table("traces")["query_id"].iloc[0]
    page.goto(f"{site}/trace-back?query={query}")
    page.locator(TILES).nth(11).wait_for()
    page.locator(TILES).first.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_text("The 2 selected below").wait_for()
    page.get_by_role("button", name="Open in What-if").click()
    page.get_by_role("button", name="Predict the model without 2 pairs").wait_for()
    page.wait_for_url(lambda url: "of=ids" in url and "set=" in url)
    page.reload()
    page.get_by_role("button", name="Predict the model without 2 pairs").wait_for()
    page.get_by_role("button", name="Bring others").click()
    page.get_by_label("Pair ids, one per line or with commas").wait_for()
    page.get_by_text("Culprits of a prediction").click()
    page.get_by_role("button", name="Predict the model without 10 pairs").wait_for()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Predictions").click()
    page.locator(CARDS).first.click()
    page.get_by_role("button", name="Check without these 10").wait_for()
