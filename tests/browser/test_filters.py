"""Filters, links, and many pairs decided at once, in a real browser."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.test_gallery import TILES, wait_for

from engine.review import DecisionStore
from engine.runs import RunFolder

pytestmark = pytest.mark.browser


def shown_pairs(page) -> list[str]:
    return page.locator(TILES).evaluate_all("all => all.map(one => one.dataset.pair)")


def parameters(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.evaluate("location.href")).query)  # page.url lags behind


def open_list(page, site: str, link: str = "") -> list[str]:
    page.goto(f"{site}/suspicious?{link}")
    page.locator(TILES).first.wait_for()
    return shown_pairs(page)


def number_listed(page) -> int:
    return int(re.match(r"([\d,]+) pair", page.get_by_text(re.compile(r"\d pairs ·")).inner_text())[1].replace(",", ""))


def slider(page, words: str):
    return page.get_by_role("slider", name=words)


def test_a_range_is_brushed_by_keys_and_by_dragging_and_cleared(page, site: str, sample_run: RunFolder) -> None:
    scores = sample_run.table("scores").set_index("pair_id")["clip_score"]
    open_list(page, site, "sort=clip")
    page.get_by_text("Filters", exact=True).click()
    low, high = slider(page, "CLIP score: at least"), slider(page, "CLIP score: at most")
    assert low.get_attribute("aria-valuetext") == "no lower bound"
    high.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    wait_for(lambda: "range" in parameters(page))
    column, _, bounds = parameters(page)["range"][0].partition(":")
    bound = float(bounds.partition("..")[2])
    assert column == "clip_score" and bounds.startswith("..")
    wait_for(lambda: number_listed(page) == int((scores <= bound).sum()))
    assert high.get_attribute("aria-valuetext").startswith("at most")
    assert high.evaluate("node => node.getRootNode().activeElement === node")  # the focus outlives the rerun
    page.get_by_role("button", name="Take away: CLIP score").wait_for()

    box = page.locator(".brush", has=low).locator(".plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20, steps=4)
    page.mouse.up()
    wait_for(lambda: not parameters(page)["range"][0].startswith("clip_score:.."))
    low_bound, high_bound = (float(text) for text in parameters(page)["range"][0].partition(":")[2].split(".."))
    assert low_bound < high_bound < bound
    wait_for(lambda: number_listed(page) == int(scores.between(low_bound, high_bound).sum()))

    page.mouse.dblclick(box["x"] + box["width"] * 0.7, box["y"] + 20)
    wait_for(lambda: "range" not in parameters(page))
    wait_for(lambda: number_listed(page) == len(scores))
    assert high.get_attribute("aria-valuetext") == "no upper bound"


def test_chips_take_filters_away_and_strangers_words_stay_text(page, site: str) -> None:
    everything = open_list(page, site)
    page.goto(f"{site}/suspicious?label=fox&label=cat&kind=label_quality&words=%2A%2Aa%2A%2A+%3Cb%3E")
    page.get_by_text("No pair fits these filters").wait_for()
    page.get_by_role("button", name="Take away: Words: **a** <b>").first.click()
    wait_for(lambda: "words" not in parameters(page))
    page.locator(TILES).first.wait_for()
    page.get_by_role("button", name="Take away: Label: cat").click()
    wait_for(lambda: parameters(page).get("label") == ["fox"])
    page.get_by_role("button", name="Clear all").click()
    wait_for(lambda: shown_pairs(page) == everything)
    assert set(parameters(page)) <= {"run"}


def test_reload_back_and_a_second_tab_show_the_same_list(page, site: str) -> None:
    first = open_list(page, site, "sort=loss")
    page.get_by_label("Words in the caption").fill("fox")
    page.get_by_label("Words in the caption").press("Enter")
    wait_for(lambda: parameters(page).get("words") == ["fox"])
    wait_for(lambda: shown_pairs(page) not in ([], first))
    foxes = shown_pairs(page)
    page.locator(".st-key-page").get_by_role("button", name="2").click()
    wait_for(lambda: parameters(page).get("page") == ["2"])
    wait_for(lambda: shown_pairs(page) != foxes)
    second = shown_pairs(page)
    assert not set(second) & set(foxes)

    page.reload()
    wait_for(lambda: shown_pairs(page) == second)
    tab = page.context.new_page()
    tab.goto(page.url)
    wait_for(lambda: shown_pairs(tab) == second)
    page.go_back()
    wait_for(lambda: shown_pairs(page) == foxes)
    page.go_back()
    wait_for(lambda: shown_pairs(page) == first)
    assert page.get_by_label("Words in the caption").input_value() == ""
    page.go_forward()
    wait_for(lambda: shown_pairs(page) == foxes)
    assert page.get_by_label("Words in the caption").input_value() == "fox"


def decide_many(page, scope: str, button: str) -> None:
    page.get_by_role("button", name="Decide many").click()
    page.get_by_text(re.compile(f"^{scope} ·")).click()
    page.get_by_test_id("stPopoverBody").get_by_role("button", name=re.compile(button)).click()


def test_all_listed_pairs_are_decided_at_once_and_taken_back_at_once(
    page, site: str, sample_run: RunFolder, runs_dir: Path
) -> None:
    open_list(page, site, "label=fox&range=clip_score:..0.7")
    number = number_listed(page)
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    decide_many(page, "All listed", "^.*Drop")
    page.get_by_role("dialog").get_by_text(f"Drop {number} pairs?").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    assert store.history().empty
    decide_many(page, "All listed", "^.*Drop")
    page.get_by_role("dialog").get_by_role("button", name=f"Drop {number} pairs").click()
    page.get_by_text(f"You dropped {number} pairs at once").wait_for()
    current = store.current()
    truth = sample_run.table("scores").merge(sample_run.table("pairs")[["pair_id", "label"]])
    fits = truth[(truth["label"] == "fox") & (truth["clip_score"] <= 0.7)]
    assert set(current["pair_id"]) == set(fits["pair_id"]) and len(current) == number
    assert set(current["verdict"]) == {"drop"} and current["suspicion"].notna().all()
    page.locator(TILES).first.locator(".stamp", has_text="Dropped").wait_for()

    page.reload()
    page.get_by_role("button", name="Undo all of it").click()
    wait_for(lambda: store.current().empty)
    page.get_by_text(f"{number} decisions are taken back").wait_for()
    wait_for(lambda: number_listed(page) == number)


def test_selected_pairs_are_relabelled_or_sent_to_review(page, site: str, runs_dir: Path) -> None:
    pairs = open_list(page, site, "mark=suggested")
    page.locator(TILES).nth(1).focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.locator(".gallery .count", has_text="2 selected").wait_for()
    decide_many(page, "Selected", "Send to the review queue · 2")
    page.get_by_text("2 pairs sent to the review queue").wait_for()
    page.keyboard.press("Escape")
    decide_many(page, "Selected", "Relabel with the suggested caption · 2")
    page.get_by_role("dialog").get_by_role("button", name="Relabel 2 pairs").click()
    page.get_by_text("You relabelled 2 pairs at once").wait_for()
    current = DecisionStore.open(runs_dir / "decisions.sqlite").current()
    assert sorted(current["pair_id"]) == sorted(pairs[1:3]) and current["new_caption"].notna().all()


def test_filters_are_saved_opened_and_deleted(page, site: str) -> None:
    foxes = open_list(page, site, "label=fox&sort=clip&range=clip_score:..0.5")
    page.get_by_role("button", name="Saved filters").click()
    body = page.get_by_test_id("stPopoverBody")
    body.get_by_label("Name").fill("foxes <b>**that fit badly**</b>")
    body.get_by_label("Name").press("Enter")
    body.get_by_role("button", name="Save what is filtered now").click()
    body.get_by_text("Saved as “foxes <b>**that fit badly**</b>”.").wait_for()
    open_list(page, site)
    page.get_by_role("button", name="Saved filters").click()
    body.get_by_test_id("stBaseButton-primary").click()
    wait_for(lambda: shown_pairs(page) == foxes)
    assert (parameters(page)["label"], parameters(page)["range"]) == (["fox"], ["clip_score:..0.5"])
    if not body.is_visible():
        page.get_by_role("button", name="Saved filters").click()
    body.get_by_role("button", name="Delete").click()
    body.get_by_text("is deleted").wait_for()
    body.get_by_text("None saved yet").wait_for()
