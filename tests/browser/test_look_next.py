"""Look at next, and why a pair is suspected, in a real browser."""

from pathlib import Path

import pandas as pd
import pytest
from browser.test_gallery import TILES, most_suspicious, wait_for

from engine.learning import advise
from engine.review import DecisionStore
from engine.review.blind import BlindStore
from engine.runs import RunFolder, write_table

pytestmark = pytest.mark.browser


LOG_IS_EMPTY = "sessionStorage['ecif-gallery-log'] === '[]'"


def shown_pairs(page) -> list[str]:
    return page.locator(TILES).evaluate_all("all => all.map(one => one.dataset.pair)")


def test_a_batch_is_worked_through_by_keys_stays_in_place_and_teaches_the_next(
    page, site: str, sample_run: RunFolder, runs_dir: Path
) -> None:
    signals = sample_run.table("signals").merge(sample_run.table("pairs")[["pair_id", "label"]]).set_index("pair_id")
    proposals = advise(signals, pd.DataFrame({"pair_id": [], "verdict": []})).proposals
    page.goto(f"{site}/suspicious")
    page.get_by_text("Look at next").click()
    page.get_by_text("0 of 20 decided").wait_for()
    wait_for(lambda: shown_pairs(page) == proposals["pair_id"].tolist())
    first = page.locator(TILES).first
    first.get_by_text("Random check").wait_for()
    assert [first.locator(part).count() for part in (".why", ".rank", ".track")] == [0, 0, 0]  # judged unaided
    assert "fit" not in first.locator(".chips").inner_text()
    assert page.locator(f"{TILES} .why").count() > 5

    first.focus()
    for _ in range(10):
        page.keyboard.press("1")
        page.keyboard.press("2")
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.current()) == 20)
    assert store.history()["pair_id"].tolist() == proposals["pair_id"].tolist()
    page.get_by_text("20 of 20 decided").wait_for()
    assert shown_pairs(page) == proposals["pair_id"].tolist()

    # The button is made anew when the batch is done: a press on the old one would go with it.
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.get_by_role("button", name="Learn from these and propose the next").click()
    page.get_by_text("4 were drawn at random").wait_for()
    wait_for(lambda: len(shown_pairs(page)) == 20 and not set(shown_pairs(page)) & set(proposals["pair_id"]))


def test_a_tile_and_its_page_say_why_and_a_suggestion_is_taken_with_one_click(
    page, site: str, sample_run: RunFolder, runs_dir: Path
) -> None:
    evil = "<b>bold</b> **md** :smile:"
    run, pair_id = RunFolder(runs_dir / sample_run.run_id), most_suspicious(sample_run, 1)[0]
    row = {"pair_id": pair_id, "rank": 1, "caption": evil, "fit": 0.9, "effect": -1e-4}
    write_table(run.path / "suggestions.parquet", pd.DataFrame([{**row, "source": "caption of another pair"}]))
    reason = run.table("signals").set_index("pair_id").at[pair_id, "reason"]
    page.goto(f"{site}/suspicious")
    why = page.locator(TILES).first.locator(".why")
    assert reason.startswith(why.inner_text()) and why.get_attribute("title") == reason
    page.locator(TILES).first.locator(".frame").click()
    page.get_by_text("Why it is suspected").wait_for()
    page.get_by_text(reason, exact=True).wait_for()
    page.get_by_text("in the top").first.wait_for()
    page.get_by_role("button", name="Use").click()
    wait_for(lambda: page.get_by_label("Right caption, for relabelling").input_value() == evil)
    assert page.locator("b", has_text="bold").count() == 0
    page.get_by_role("button", name="Relabel").click()
    page.get_by_text("Relabel – decided").wait_for()
    assert DecisionStore.open(runs_dir / "decisions.sqlite").current()["new_caption"].tolist() == [evil]


def test_cards_of_a_blind_check_look_alike_and_late_entries_go_where_they_belong(
    page, site: str, sample_run: RunFolder, runs_dir: Path
) -> None:
    place = runs_dir / "decisions.sqlite"
    page.goto(f"{site}/decisions")
    page.get_by_role("button", name="Start a check with 20 cards").click()
    page.get_by_text("0 of 20 answered").wait_for()
    wait_for(lambda: page.locator(TILES).count() == 20)
    items = BlindStore.open(place).items()
    assert shown_pairs(page) == items["card"].tolist()
    for telling in (".rank", ".why", ".chip", ".roles *"):
        assert page.locator(f"{TILES} {telling}").count() == 0

    # What another page's gallery could not send comes with this one's log, and the other way round.
    late = most_suspicious(sample_run, 1)[0]
    entry = {"session": "0123456789abcdef", "sequence": 1, "pair_id": late, "verdict": "drop", "new_caption": None}
    page.evaluate("entry => sessionStorage.setItem('ecif-gallery-log', JSON.stringify([entry]))", entry)
    page.reload()
    page.get_by_text("0 of 20 answered").wait_for()
    wait_for(lambda: DecisionStore.open(place).current()["pair_id"].tolist() == [late])
    page.wait_for_function(LOG_IS_EMPTY)
    page.reload()  # a page that changes above the gallery may take the focus away
    page.get_by_role("button", name="Export 1 pair", exact=True).wait_for()
    wait_for(lambda: page.locator(TILES).count() == 20)
    page.locator(TILES).first.focus()
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.get_by_text("2 of 20 answered").wait_for()
    answers = BlindStore.open(place).answers()
    assert answers[["card", "verdict"]].to_numpy().tolist() == [[items["card"][0], "keep"], [items["card"][1], "drop"]]
    page.wait_for_function(LOG_IS_EMPTY)  # else the answer to the keys would clear what is put into the log here
    other = {**entry, "sequence": 2, "pair_id": items["card"][2]}
    page.evaluate("entry => sessionStorage.setItem('ecif-gallery-log', JSON.stringify([entry]))", other)
    page.goto(f"{site}/suspicious")
    wait_for(lambda: len(BlindStore.open(place).answers()) == 3)
    assert len(DecisionStore.open(place).history()) == 1
