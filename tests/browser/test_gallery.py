"""The gallery in a real browser: keys, mouse, undo, and text that stays text."""

import time
from pathlib import Path

import pytest

from dashboard.components.gallery import read_log
from engine.ranked_table import write_ranked
from engine.review import DecisionStore
from engine.runs import RunFolder, write_table

pytestmark = pytest.mark.browser
TILES = ".gallery .tile"


def most_suspicious(run: RunFolder, number: int) -> list[str]:
    return run.table("scores").nsmallest(number, "suspicion_rank")["pair_id"].tolist()


def wait_for(condition, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def open_suspicious(page, site: str) -> None:
    page.goto(f"{site}/suspicious")
    page.locator(TILES).nth(59).wait_for()


def loaded_pictures(page) -> int:
    return page.locator(f"{TILES} img").evaluate_all("all => all.filter(one => one.naturalWidth > 0).length")


def test_every_thumbnail_of_a_page_is_loaded(page, site: str) -> None:
    open_suspicious(page, site)
    wait_for(lambda: loaded_pictures(page) == 60)


def test_a_burst_of_twenty_keys_is_stored_once_each_and_in_order(page, site: str, sample_run, runs_dir: Path) -> None:
    open_suspicious(page, site)
    page.locator(TILES).first.focus()
    keys = ["1", "d", "u", "2"] * 5
    for key in keys:
        page.keyboard.press(key)
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.history()) >= 20)
    time.sleep(1)
    history = store.history()
    words = {"1": "keep", "2": "drop", "d": "drop", "u": "unsure"}
    assert history["verdict"].tolist() == [words[key] for key in keys]
    assert history["pair_id"].tolist() == most_suspicious(sample_run, 20)
    assert history["run_id"].unique().tolist() == [sample_run.run_id]
    assert history["seconds_spent"].notna().all() and history["suspicion"].notna().all()


def test_the_mouse_decides_and_undo_takes_back(page, site: str, sample_run, runs_dir: Path) -> None:
    open_suspicious(page, site)
    third = page.locator(TILES).nth(2)
    third.get_by_role("button", name="Drop").click()
    third.locator(".stamp", has_text="Dropped").wait_for()
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.current()) == 1)
    assert store.current()["pair_id"].tolist() == [most_suspicious(sample_run, 3)[2]]
    page.keyboard.press("z")
    wait_for(lambda: store.current().empty)
    assert not third.locator(".stamp").is_visible()
    assert store.history()["kind"].tolist() == ["decision", "undo"]


def test_relabelling_takes_the_typed_caption_and_digits_in_it_decide_nothing(page, site: str, runs_dir: Path) -> None:
    open_suspicious(page, site)
    page.locator(TILES).first.focus()
    page.keyboard.press("3")
    area = page.locator(f"{TILES} textarea")
    area.fill("")
    area.type("1 tent, 2 flags")
    page.keyboard.press("Enter")
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.history()) == 1)
    row = store.current().iloc[0]
    assert (row["verdict"], row["new_caption"]) == ("relabel", "1 tent, 2 flags")
    page.locator(TILES).first.locator(".new-caption", has_text="1 tent, 2 flags").wait_for()


def test_decisions_survive_a_reload(page, site: str, runs_dir: Path) -> None:
    open_suspicious(page, site)
    page.locator(TILES).nth(1).get_by_role("button", name="Keep").click()
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.current()) == 1)
    page.goto(f"{site}/suspicious?show=decided")
    page.locator(TILES).first.locator(".stamp", has_text="Kept").wait_for()
    assert page.locator(TILES).count() == 1
    assert len(store.history()) == 1


def test_the_question_mark_shows_the_keys_and_enter_opens_the_pair(page, site: str, sample_run) -> None:
    open_suspicious(page, site)
    page.locator(TILES).nth(4).focus()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("write the right caption").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/pair?**pair={most_suspicious(sample_run, 6)[5]}*")


def test_markup_in_captions_is_shown_as_text(page, runs_dir: Path, sample_run, request) -> None:
    run = RunFolder(runs_dir / sample_run.run_id)
    evil = '<img src=x onerror="alert(1)"><b>bold</b> **md** :smile: $x^2$ [a](javascript:alert(2))'
    pairs, first = run.table("pairs"), most_suspicious(run, 1)[0]
    pairs.loc[pairs["pair_id"] == first, "caption"] = evil
    write_table(run.path / "pairs.parquet", pairs)
    scores = run.table("scores")
    scores.loc[scores["pair_id"] == first, "suggested_caption"] = evil + " too"
    write_table(run.path / "scores.parquet", scores)
    suggestions = run.table("suggestions")
    write_table(run.path / "suggestions.parquet", suggestions.assign(caption=evil + " too"))
    write_ranked(run)
    site = request.getfixturevalue("site")
    open_suspicious(page, site)
    tile = page.locator(TILES).first
    assert tile.locator(".caption").inner_text() == evil
    assert tile.locator("b").count() == 0
    page.goto(f"{site}/pair?pair={first}")
    page.get_by_text(evil, exact=True).first.wait_for()
    page.locator("ins", has_text="too").first.wait_for()
    assert page.locator("b", has_text="bold").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_tabs_that_inherit_a_log_do_not_take_each_others_numbers(page, site: str, runs_dir: Path) -> None:
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    open_suspicious(page, site)
    page.locator(TILES).nth(0).get_by_role("button", name="Keep").click()
    wait_for(lambda: len(store.history()) == 1)
    with page.expect_popup() as opened:
        page.evaluate("window.open(location.href)")  # the new tab gets a copy of this tab's session storage
    other = opened.value
    other.locator(TILES).nth(5).wait_for()
    assert "ecif-gallery-log" in other.evaluate("Object.keys(sessionStorage)")
    other.locator(TILES).nth(5).get_by_role("button", name="Drop").click()
    wait_for(lambda: len(store.history()) == 2)
    page.locator(TILES).nth(7).get_by_role("button", name="Unsure").click()
    wait_for(lambda: len(store.history()) == 3)
    assert sorted(store.current()["verdict"]) == ["drop", "keep", "unsure"]


def test_enter_right_after_a_burst_still_opens_and_loses_no_decision(
    page, site: str, sample_run, runs_dir: Path
) -> None:
    open_suspicious(page, site)
    page.locator(TILES).first.focus()
    for key in "12412":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/pair?**pair={most_suspicious(sample_run, 6)[5]}*")
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.history()) == 5)
    assert store.history()["pair_id"].tolist() == most_suspicious(sample_run, 5)


def test_a_key_held_down_decides_once_and_none_decides_under_the_overlay(page, site: str, runs_dir: Path) -> None:
    open_suspicious(page, site)
    page.locator(TILES).first.focus()
    for _ in range(4):
        page.keyboard.down("2")  # from the second on, Chromium says `repeat`
    page.keyboard.up("2")
    page.keyboard.press("?")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    wait_for(lambda: len(store.history()) == 2)
    time.sleep(1)
    assert store.history()["verdict"].tolist() == ["drop", "unsure"]


def test_a_picture_that_does_not_load_leaves_a_placeholder(page, site: str) -> None:
    page.route("**/thumb/**", lambda route: route.abort())
    open_suspicious(page, site)
    page.locator(TILES).first.get_by_text("Picture not available").wait_for()
    assert page.locator(TILES).first.locator("img").count() == 0


ENTRY = {"session": "0123456789abcdef", "sequence": 3, "pair_id": "p1", "verdict": "drop", "new_caption": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"session": "../x"},
        {"sequence": 0},
        {"sequence": True},
        {"sequence": 2**60},
        {"pair_id": "p2"},
        {"pair_id": ["p1"]},
        {"verdict": "delete"},
        {"verdict": "relabel"},
        {"new_caption": "a fox"},
        {"verdict": "relabel", "new_caption": "x" * 10_001},
    ],
)
def test_a_malformed_or_unknown_entry_is_passed_over_and_its_neighbours_are_not(wrong: dict) -> None:
    good = {**ENTRY, "decided_at": "0001-01-01T00:00:00+14:00", "seconds_spent": float("nan")}
    found = read_log([{**ENTRY, **wrong}, "x", good], {}, known_pairs={"p1"})
    assert [action.client_key for action in found] == ["0123456789abcdef-3"]
    assert found[0].seconds_spent is None
    assert read_log([good], {"0123456789abcdef": 3}) == []


def test_a_shared_link_shows_the_same_page_and_a_filter_that_leaves_fewer_pages_still_shows_pairs(
    page, site: str
) -> None:
    page.goto(f"{site}/suspicious?page=3&sort=table")
    page.get_by_text("page 3 of").wait_for()
    page.locator(TILES).first.wait_for()
    page.get_by_label("Words in the caption").fill("white fox")
    page.get_by_label("Words in the caption").press("Enter")
    page.get_by_text("page 1 of 1").wait_for()
    wait_for(lambda: 0 < page.locator(TILES).count() < 60)
