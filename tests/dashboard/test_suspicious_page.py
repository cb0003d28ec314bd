"""Suspicious pairs: what its URL says is what it lists, and what is chosen on it goes into the URL."""

import datetime
from pathlib import Path

from pages import button, listed_on, open_page, words_on

from dashboard.components.list_state import SHOWN
from dashboard.filters import Filters, Range
from dashboard.listing import Listed
from engine.review import Decision, DecisionStore
from engine.review.acts import new_act
from engine.runs import RunFolder


def decided(pairs: list[str], act: str, run_id: str) -> list[Decision]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    return [
        Decision(pair_id=pair, verdict="drop", annotator="ana", decided_at=now, client_key=f"{act}-{n}", run_id=run_id)
        for n, pair in enumerate(pairs)
    ]


def test_a_link_lists_exactly_the_pairs_that_its_filters_say(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page(
        "suspicious", label=["fox", "cat"], kind="label_quality", roles="both", range="p_wrong:0.01..", sort="negative"
    )
    assert not app.exception and not app.error
    filters = Filters("open", "", ("fox", "cat"), ("label_quality",), "both", (), (Range("p_wrong", 0.01),))
    run = RunFolder(runs_dir / sample_run.run_id)
    expected = listed_on(app, run)
    assert app.session_state[SHOWN][1] == Listed(filters, "negative", 0)
    rows = run.table("ranked").set_index("pair_id").loc[expected]
    assert set(rows["label"]) <= {"fox", "cat"} and rows["p_wrong"].min() >= 0.01
    assert rows["influence_negative"].is_monotonic_increasing and rows["influence_positive"].max() < 0
    assert 0 < len(expected) < 100
    assert f"**{len(expected):,} pairs**" in words_on(app)


def test_what_a_link_gets_wrong_is_said_and_passed_over(runs_dir: Path) -> None:
    app = open_page("suspicious", show="everything", range="clip_score:abc..", page="-7", sort="by magic", words="fox")
    assert not app.exception and not app.error
    said = words_on(app)
    assert "passed over" in said and "show=everything" in said and "range=clip_score:abc.." in said
    assert "page 1 of" in words_on(app)
    assert (app.selectbox(key="sort").value, app.selectbox(key="show").value) == ("suspicion", "open")
    assert app.text_input(key="words").value == "fox"


def test_a_changed_filter_goes_into_the_url_and_back_to_the_first_page(runs_dir: Path) -> None:
    app = open_page("suspicious", page="3", label="fox", show="all")
    app.query_params["page"] = "2"
    app.selectbox(key="sort").set_value("loss").run()
    assert app.query_params["sort"] == "loss" and not app.query_params.get("page")
    assert app.query_params["label"] == "fox" and app.query_params["show"] == "all"
    app.text_input(key="words").set_value("snow").run()
    app.selectbox(key="show").set_value("open").run()
    assert app.query_params["words"] == "snow" and not app.query_params.get("show")
    assert not app.exception


def test_an_empty_list_says_what_to_do(runs_dir: Path, sample_run: RunFolder) -> None:
    assert "Taking away one of these would be enough" in words_on(open_page("suspicious", words="zebra", label="fox"))
    assert "No single one is to blame" in words_on(open_page("suspicious", words="zebra", label="zebra"))
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    store.append(decided(sample_run.table("scores")["pair_id"].tolist(), "single", sample_run.run_id))
    assert "All pairs are decided" in words_on(open_page("suspicious"))


def test_what_was_decided_at_once_is_taken_back_after_a_reload_too(runs_dir: Path, sample_run: RunFolder) -> None:
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    pairs, act = sample_run.table("scores")["pair_id"].tolist()[:5], new_act()
    store.append(decided(pairs[:1], "before", sample_run.run_id) + decided(pairs, act, sample_run.run_id))
    app = open_page("suspicious")
    assert "Undo all of it" not in [one.label for one in app.button]  # another person's
    app.text_input(key="annotator").set_value("ana").run()
    assert "You dropped 5 pairs at once" in words_on(app)
    button(app, "Undo all of it").click().run()
    assert not app.exception
    assert store.current()["pair_id"].tolist() == pairs[:1]
    assert "at once" not in words_on(app)


def test_a_list_does_not_jump_while_it_is_decided(runs_dir: Path, sample_run: RunFolder) -> None:
    app, run = open_page("suspicious"), RunFolder(runs_dir / sample_run.run_id)
    before = listed_on(app, run)
    DecisionStore.open(runs_dir / "decisions.sqlite").append(decided(before[:2], "x", sample_run.run_id))
    app.run()
    assert listed_on(app, run) == before
    assert "2 of 60 decided on this page" in words_on(app)
    button(app, "List again without what is decided now").click().run()
    assert listed_on(app, run) == before[2:]
