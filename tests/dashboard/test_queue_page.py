"""The review queue on the page: made, taken, decided, given back, shared; and who it is that decides."""

from pathlib import Path

import pandas as pd
import pytest
from pages import APP, button, open_page, words_on
from streamlit.testing.v1 import AppTest

from engine.review import Decision, DecisionStore
from engine.review.queues import Progress, QueueStore
from engine.runs import RunFolder


@pytest.fixture
def queues(runs_dir: Path) -> QueueStore:
    return QueueStore.open(runs_dir / "decisions.sqlite")


@pytest.fixture
def ranked(sample_run: RunFolder) -> list[str]:
    """Training pairs, most suspicious first."""
    return sample_run.table("scores").sort_values("suspicion_rank")["pair_id"].tolist()


def decide(runs_dir: Path, annotator: str, verdicts: dict[str, str]) -> None:
    DecisionStore.open(runs_dir / "decisions.sqlite").append(
        [
            Decision(pair_id, verdict, annotator, "2026-01-01T00:00:00Z", f"{annotator}-{pair_id}")
            for pair_id, verdict in verdicts.items()
        ]
    )


def as_person(name: str, look: str = "Decide") -> AppTest:
    app = open_page("queue", view=look)
    return app.text_input(key="annotator").set_value(name).run()


def test_the_first_queue_is_made_of_the_most_suspicious_pairs_that_nobody_decided(
    queues: QueueStore, runs_dir: Path, ranked: list[str]
) -> None:
    decide(runs_dir, "ana", {ranked[0]: "keep"})
    app = open_page("queue")
    assert not app.exception and "No queue yet" in words_on(app)
    app.number_input[0].set_value(30)
    button(app, "Make the queue").click()
    app.run()
    assert not app.exception
    assert queues.pairs("review")["pair_id"].tolist() == ranked[1:31]
    assert "Nothing taken yet" in words_on(app)


def test_two_people_take_different_pairs_and_give_them_back(queues: QueueStore, ranked: list[str]) -> None:
    queues.add("review", ranked[:50], "r", "ana")
    ana, ben = as_person("ana"), as_person("ben")
    for app in (ana, ben):
        button(app, "Take my next 20").click()
        app.run()
        assert "**0 of 20 decided.**" in words_on(app) and not app.exception
    assert queues.held("review", "ana") == ranked[:20]
    assert queues.held("review", "ben") == ranked[20:40]
    assert "At work: ana (20 left), ben (20 left)" in words_on(ben.run())
    button(ben, "Give back 20").click()
    ben.run()
    assert queues.held("review", "ben") == [] and "Nothing taken yet" in words_on(ben)
    assert queues.progress("review") == Progress(pairs=50, to_do=30, handed_out=20, done=0)


def test_what_is_held_is_there_again_after_a_reload_and_what_is_decided_stays_on_screen(
    queues: QueueStore, runs_dir: Path, ranked: list[str]
) -> None:
    queues.add("review", ranked[:50], "r", "ana")
    queues.take("review", "ana", 20)
    app = as_person("ana")
    assert "**0 of 20 decided.**" in words_on(app)
    decide(runs_dir, "ana", dict.fromkeys(ranked[:20], "keep"))
    assert "**20 of 20 decided.**" in words_on(app.run())
    assert not [one for one in app.button if one.label.startswith("Give back")]
    button(app, "Take my next 20").click()
    assert "**0 of 20 decided.**" in words_on(app.run())
    assert queues.held("review", "ana") == ranked[20:40]


def test_pairs_that_went_to_others_are_taken_from_the_screen_and_that_is_said(
    queues: QueueStore, ranked: list[str]
) -> None:
    queues.add("review", ranked[:5], "r", "ana")
    queues.take("review", "ana", 5)
    app = as_person("ana")
    queues.release("review", "ana")
    app.run()
    assert "5 pairs are no longer yours" in words_on(app)
    assert "Nothing taken yet" in words_on(app)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("decided", "All of this queue is decided"),
        ("held", "The rest is with others"),
        ("another run's", "Nothing for you here"),
    ],
)
def test_a_queue_with_nothing_left_says_why(
    queues: QueueStore, runs_dir: Path, ranked: list[str], state: str, words: str
) -> None:
    queues.add("review", ["elsewhere"] if state == "another run's" else ranked[:2], "r", "ana")
    if state == "decided":
        decide(runs_dir, "ben", dict.fromkeys(ranked[:2], "drop"))
    elif state == "held":
        queues.take("review", "ben", 2)
    app = as_person("ana")
    if state == "another run's":
        button(app, "Take my next 20").click()
        app.run()
    assert not app.exception and words in words_on(app)


def test_a_second_queue_can_be_made_and_more_pairs_put_into_it(queues: QueueStore, ranked: list[str]) -> None:
    queues.add("review", ranked[:5], "r", "ana")
    app = open_page("queue")
    new = next(one for one in app.text_input if one.label == "Name")
    new.set_value("second opinion")
    next(one for one in app.selectbox if one.label == "Who decides a pair").set_value("Two people")
    button(app, "Make the queue").click()
    app.run()
    assert not app.exception and app.selectbox(key="queue").value == "second opinion"
    assert set(queues.pairs("second opinion")["needed"]) == {2}
    app.number_input[0].set_value(10)
    button(app, "Put them at the end").click()
    app.run()
    assert queues.pairs("second opinion")["pair_id"].tolist() == ranked[:110]
    next(one for one in app.text_input if one.label == "Name").set_value("review")
    button(app, "Make the queue").click()
    assert "There is a queue of this name" in next(one.value for one in app.run().warning)


def test_agreement_is_shown_and_the_pairs_that_differ(queues: QueueStore, runs_dir: Path, ranked: list[str]) -> None:
    queues.make("review", "ana", overlap=2)
    queues.add("review", ranked[:10], "r", "ana")
    assert "Nothing to compare yet" in words_on(as_person("cleo", "Agreement"))
    decide(runs_dir, "ana", {**dict.fromkeys(ranked[:5], "keep"), **dict.fromkeys(ranked[5:10], "drop")})
    decide(runs_dir, "<b>ben</b>", {**dict.fromkeys(ranked[:4], "keep"), **dict.fromkeys(ranked[4:10], "drop")})
    app = as_person("cleo", "Agreement")
    assert not app.exception
    figures = {one.label: one.value for one in app.metric}
    assert figures == {"Pairs decided by two or more": "10", "Same verdict": "90%", "Beyond chance (alpha)": "0.81"}
    assert "**Pairs with different answers: 1**" in words_on(app)
    decide(runs_dir, "cleo", {ranked[4]: "keep"})
    assert "0 of them without a majority" in words_on(app.run())
    button(app, "List again").click()
    assert not app.run().exception
    table: pd.DataFrame = app.dataframe[0].value
    assert set(table["annotator"]) | set(table["other"]) == {"ana", "<b>ben</b>", "cleo"}


def test_who_is_logged_in_decides_and_nobody_types_another_name(queues: QueueStore, ranked: list[str]) -> None:
    queues.add("review", ranked[:5], "r", "ana")
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user["is_logged_in"] = True
    app.user["email"] = "eve@example.org"
    app.run()
    assert "You are eve@example.org" in words_on(app)
    assert "annotator" not in [one.key for one in app.text_input]
    app.switch_page("views/queue.py").run()
    button(app, "Take my next 20").click()
    app.run()
    assert queues.held("review", "eve@example.org") == ranked[:5]


def test_without_a_login_everybody_writes_a_name_and_nobody_is_asked_to_log_in(runs_dir: Path) -> None:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert app.text_input(key="annotator") and "Log in" not in [one.label for one in app.button]
