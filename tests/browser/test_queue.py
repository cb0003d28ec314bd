"""Two people at one queue, each in a browser of their own: nothing is handed out twice, nothing is lost."""

from pathlib import Path

import pytest
from browser.conftest import serve
from browser.test_gallery import TILES, wait_for

from engine.review import DecisionStore
from engine.review.queues import Progress, QueueStore

pytestmark = pytest.mark.browser
EACH = 20


def at_the_queue(chromium, url: str, name: str):
    """A tab of a person's own browser, with their name entered."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.goto(f"{url}/review")
    tab.get_by_label("Your name", exact=True).fill(name)
    tab.get_by_label("Your name", exact=True).press("Enter")
    tab.get_by_role("button", name="Take my next 20").wait_for()
    return tab


def test_two_browsers_decide_at_once_and_both_histories_are_whole(
    chromium, runs_dir: Path, sample_run, place: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECIF_DECISIONS", str(place))
    queues, decisions = QueueStore.open(place), DecisionStore.open(place)
    pair_ids = sample_run.table("scores").sort_values("suspicion_rank")["pair_id"].tolist()[: 2 * EACH]
    queues.add("review", pair_ids, sample_run.run_id, "ana")
    process, url = serve(runs_dir)
    try:
        people = {name: at_the_queue(chromium, url, name) for name in ("ana", "ben")}
        for tab in people.values():
            tab.get_by_role("button", name="Take my next 20").click()
        for tab in people.values():
            tab.locator(TILES).nth(EACH - 1).wait_for()
        held = {name: queues.held("review", name) for name in people}
        assert sorted(held["ana"] + held["ben"]) == sorted(pair_ids)
        for tab in people.values():
            tab.locator(TILES).first.focus()
        for number in range(EACH):
            people["ana"].keyboard.press("1")
            people["ben"].keyboard.press("4" if number % 2 else "2")
        wait_for(lambda: decisions.revision() == 2 * EACH, seconds=60)
        history = decisions.history()
        for name, verdicts in (("ana", ["keep"] * EACH), ("ben", ["drop", "unsure"] * (EACH // 2))):
            own = history[history["annotator"] == name]
            assert own["pair_id"].tolist() == held[name]
            assert own["verdict"].tolist() == verdicts
        assert queues.progress("review") == Progress(pairs=2 * EACH, to_do=0, handed_out=0, done=2 * EACH)
        for tab in people.values():
            tab.get_by_text(f"{EACH} of {EACH} decided.").wait_for()
            tab.context.close()
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
