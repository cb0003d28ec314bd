"""Predictions, Trace-back and What-if, run by Streamlit's own test runner over the finished sample run."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pages import button, open_page, words_on
from streamlit.testing.v1 import AppTest

from dashboard.asking_process import Asked
from dashboard.components import traced_now
from dashboard.questions import keep_set, trace_question
from engine.asking import PredictionQuestion, Traced
from engine.review import Decision, DecisionStore
from engine.review.queues import REVIEW, QueueStore
from engine.runs import RunFolder, write_table
from engine.sample import sample_folder


def planted_confusions() -> list[str]:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv")
    return truth.loc[truth["error_kind"] == "confusion", "pair_id"].tolist()


def surest_mistake(run: RunFolder) -> pd.Series:
    queries = run.table("queries")
    wrong = queries[(queries["kind"] == "classification") & ~queries["correct"].fillna(True).astype(bool)]
    return wrong.sort_values("confidence").iloc[-1]


def wait_for(app: AppTest, condition: Callable[[], bool], seconds: float = 150) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until and not app.exception and not app.error, words_on(app)
        time.sleep(1)
        app.run()


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


def test_the_address_lists_one_confusion_and_a_filter_writes_the_address(runs_dir: Path, sample_run: RunFolder) -> None:
    queries = sample_run.table("queries")
    listed = int(((queries["true_label"] == "pear") & (queries["predicted_label"] == "apple")).sum())
    app = open_page("predictions", true="pear", said="apple")
    assert not app.exception and listed > 5
    assert f"{listed} listed" in words_on(app)
    next(one for one in app.selectbox if one.label == "The model says").set_value("any").run()
    assert app.query_params["true"] == "pear" and "said" not in app.query_params
    assert f"{listed} listed" not in words_on(app)


def test_a_class_that_is_none_and_a_page_that_is_not_there_list_everything(runs_dir: Path) -> None:
    app = open_page("predictions", true="no such class", predictions_page="99")
    assert not app.exception and "62 listed" in words_on(app)


def test_confidence_narrows_the_list_to_an_empty_one_that_says_so(runs_dir: Path) -> None:
    app = open_page("predictions")
    app.slider[0].set_range(0, 5).run()
    assert not app.exception and "Nothing wrong here" in words_on(app)


def test_retrieval_says_among_how_many_captions_was_searched(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("predictions", task="Finding captions")
    queries = sample_run.table("queries")
    num_wrong = int((~queries.loc[queries["kind"] == "retrieval", "correct"].astype(bool)).sum())
    assert not app.exception and f"{num_wrong} listed" in words_on(app) and "up to 100" in words_on(app)


def test_trace_back_sums_what_the_culprits_did_and_the_role_changes_who_they_are(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    query = surest_mistake(sample_run)
    traces = sample_run.table("traces")
    culprits = traces[(traces["query_id"] == query["query_id"]) & (traces["side"] == "hurts")].nsmallest(10, "rank")
    app = open_page("trace_back", query=query["query_id"])
    assert not app.exception
    assert f"fall by about **{-culprits['influence'].sum():.2f} nats**, from {query['loss']:.2f}" in words_on(app)
    before = words_on(app)
    next(one for one in app.get("button_group") if one.label == "Ranked by what they taught").set_value("both").run()
    assert not app.exception and words_on(app) != before
    assert "Ranked anew among the 100 pairs" in words_on(app)


def test_the_culprits_go_to_the_review_queue_once(runs_dir: Path, sample_run: RunFolder) -> None:
    query = surest_mistake(sample_run)
    app = open_page("trace_back", query=query["query_id"])
    button(app, "Send 10 to review").click().run()
    assert not app.exception
    traces = sample_run.table("traces")
    culprits = traces[(traces["query_id"] == query["query_id"]) & (traces["side"] == "hurts")].nsmallest(10, "rank")
    store = QueueStore.open(runs_dir / "decisions.sqlite")
    assert store.pairs(REVIEW)["pair_id"].tolist() == culprits["pair_id"].tolist()
    button(app, "Send 10 to review").click().run()
    assert len(store.pairs(REVIEW)) == 10 and "10 were there before" in app.toast[0].value


def without_trace(runs_dir: Path, run: RunFolder, **changed: object) -> tuple[RunFolder, str]:
    """The run as if it had not traced its surest mistake, and changed in its configuration; and that mistake."""
    query_id, traces = surest_mistake(run)["query_id"], run.table("traces")
    folder = RunFolder(runs_dir / run.run_id)
    write_table(folder.path / "traces.parquet", traces[traces["query_id"] != query_id])
    config = dataclasses.replace(folder.config, **changed)
    (folder.path / "config.json").write_text(config.to_json(), encoding="utf-8")
    return folder, query_id


@pytest.mark.timeout(400)
def test_a_prediction_without_a_trace_is_traced_at_once_kept_and_checked_from_the_page(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, query_id = without_trace(runs_dir, sample_run)
    app = open_page("trace_back", query=query_id)
    assert "Finding the pairs behind it" in words_on(app) and not labels(app)
    wait_for(app, lambda: "Check without these 10" in labels(app))
    stored = sample_run.table("traces").query("query_id == @query_id")
    assert trace_question(folder, query_id).traces["pair_id"].head(10).tolist() == stored["pair_id"].head(10).tolist()
    button(app, "Check without these 10").click().run()
    wait_for(app, lambda: "All test pairs" in words_on(app))
    assert any(one in words_on(app) for one in ("Mended.", "Still wrong."))
    monkeypatch.setattr(traced_now, "asking_engine", None)
    again = open_page("trace_back", query=query_id)  # as after a reload
    assert not again.exception and "All test pairs" in words_on(again)


class TracingEngine:
    """Stands where the engine process does: gives the next outcome, a trace or the sentence of an error."""

    pid, num_waiting, is_loading = 1, 0, False

    def __init__(self, *outcomes: pd.DataFrame | str) -> None:
        self.outcomes, self.asked = list(outcomes), None

    def trace_under_way(self, run: RunFolder, question: PredictionQuestion) -> Asked | None:
        return self.asked

    def trace(self, run: RunFolder, question: PredictionQuestion, keep: Callable[[Traced], None]) -> Asked:
        self.asked, outcome = Asked(run, question.to_message()), self.outcomes.pop(0)
        if isinstance(outcome, str):
            self.asked.finish(None, outcome)
        else:
            keep(Traced(outcome, "", {}))
            self.asked.finish(Traced(outcome, "", {}))
        return self.asked


def test_a_slow_trace_waits_for_a_button_and_one_that_failed_says_why(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, query_id = without_trace(runs_dir, sample_run)
    folder.update_record(cost={"scoring_seconds": 200.0})
    traces = sample_run.table("traces").query("query_id == @query_id").reset_index(drop=True)
    engine = TracingEngine("The curvature fell over <b>hard</b>.", traces)
    monkeypatch.setattr(traced_now, "asking_engine", lambda: engine)
    app = open_page("trace_back", query=query_id)
    assert "No trace stored" in words_on(app) and "3 to 5 minutes after loading" in words_on(app)
    button(app, "Trace this prediction").click().run()
    assert "fell over <b>hard</b>" in words_on(app) and app.error
    assert not open_page("trace_back", query=query_id).exception and len(engine.outcomes) == 1
    button(app, "Try again").click().run()
    assert not app.exception and "Check without these 10" in labels(app)
    assert trace_question(folder, query_id).is_answered


def test_a_page_that_others_can_reach_traces_where_asking_is_allowed(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, query_id = without_trace(runs_dir, sample_run)
    engine = TracingEngine(sample_run.table("traces").query("query_id == @query_id").reset_index(drop=True))
    monkeypatch.setattr(traced_now, "asking_engine", lambda: engine)
    monkeypatch.setenv("ECIF_LOCAL", "0")
    assert "ecif trace RUN" in words_on(open_page("trace_back", query=query_id)) and len(engine.outcomes) == 1
    monkeypatch.setenv("ECIF_ASK", "1")
    app = open_page("trace_back", query=query_id)
    assert not app.exception and "What if these were gone?" in words_on(app)
    assert trace_question(folder, query_id).is_answered


def test_other_tiers_are_traced_by_a_button_that_says_how_long_it_takes(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, query_id = without_trace(runs_dir, sample_run, tier="all")
    monkeypatch.setattr(traced_now, "asking_engine", None)
    app = open_page("trace_back", query=query_id)
    assert not app.exception and "No trace stored" in words_on(app) and "second" in words_on(app)
    assert labels(app) == ["Trace this prediction"]
    folder.update_record(cost={"scoring_seconds": None})
    assert "not known" in words_on(open_page("trace_back", query=query_id))
    monkeypatch.setenv("ECIF_LOCAL", "0")
    monkeypatch.setenv("ECIF_ASK", "1")
    assert "ecif trace RUN" in words_on(open_page("trace_back", query=query_id))


@pytest.mark.timeout(400)
def test_what_if_predicts_without_the_dropped_pairs_and_checks_by_training_again(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    planted = planted_confusions()
    DecisionStore.open(runs_dir / "decisions.sqlite").append(
        [
            Decision(pair_id=p, verdict="drop", annotator="a", decided_at="2026-01-01T00:00:00", client_key=p)
            for p in planted
        ]
    )
    app = open_page("what_if")
    button(app, "Predict the model without 112 pairs").click().run()
    wait_for(app, lambda: "Predicted without 112 pairs" in words_on(app))
    shown = {metric.label: metric for metric in app.metric}
    assert float(shown["Test pictures named right"].value.rstrip("%")) > 80
    assert "Better, and **more than chance**" in words_on(app) and "90 %: +" in words_on(app)
    assert "without retraining, by 10 iterations" in words_on(app)
    reloaded = open_page("what_if")
    assert "Predicted without 112 pairs" in words_on(reloaded)
    button(reloaded, "Train again without these pairs").click().run()
    wait_for(reloaded, lambda: "are mended by retraining" in words_on(reloaded))
    assert "Trained on without the pairs" in words_on(reloaded) and len(reloaded.get("plotly_chart")) == 1


def test_what_if_takes_a_queue_the_culprits_of_a_prediction_and_kept_ids(runs_dir: Path, sample_run: RunFolder) -> None:
    pair_ids = sample_run.table("scores")["pair_id"].head(4).tolist()
    QueueStore.open(runs_dir / "decisions.sqlite").add(REVIEW, pair_ids[:3], sample_run.run_id, "a")
    assert "Predict the model without 3 pairs" in labels(open_page("what_if", of="queue"))
    query = surest_mistake(sample_run)["query_id"]
    assert "Predict the model without 7 pairs" in labels(open_page("what_if", of="culprits", query=query, n="7"))
    name = keep_set(runs_dir, [*pair_ids, "nobody"])
    app = open_page("what_if", of="ids", set=name)
    assert "Predict the model without 4 pairs" in labels(app)
    assert "1 others are no training pairs" in words_on(app)


def test_pages_that_were_open_before_do_not_keep_the_what_if_from_writing_its_address(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    QueueStore.open(runs_dir / "decisions.sqlite").add(REVIEW, ["nobody"], sample_run.run_id, "a")
    app = open_page("queue", queue=REVIEW)
    app.switch_page("views/map.py").run().segmented_control(key="alike").set_value("caption").run()
    app.switch_page("views/what_if.py").run().segmented_control(key="of").set_value("queue").run()
    assert not app.exception and app.query_params["of"] == "queue" and app.selectbox(key="from").value == REVIEW


def test_pasted_ids_are_kept_in_the_address(runs_dir: Path, sample_run: RunFolder) -> None:
    pair_ids = sample_run.table("scores")["pair_id"].head(2).tolist()
    app = open_page("what_if", of="ids")
    app.text_area[0].set_value(", ".join(pair_ids)).run()
    button(app, "Use these").click().run()
    assert not app.exception and "Predict the model without 2 pairs" in labels(app)
    assert app.query_params["set"] == keep_set(runs_dir, pair_ids)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "Nothing is dropped yet"),
        ({"of": "queue"}, "No queue yet"),
        ({"of": "culprits", "query": "no:such", "n": "x"}, "pairs that are left out"),
        ({"of": "no such"}, "Nothing is dropped yet"),
        ({"of": "ids", "set": "../../x"}, ""),
    ],
)
def test_what_if_without_a_set_says_what_to_do(runs_dir: Path, params: dict[str, str], words: str) -> None:
    app = open_page("what_if", **params)
    shown = words_on(app) + "".join(one.label for one in app.expander)
    assert not app.exception and words in shown


def test_a_page_that_others_can_reach_computes_nothing(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = surest_mistake(sample_run)["query_id"]
    queries = sample_run.table("queries")
    right = queries.loc[queries["correct"].fillna(False).astype(bool), "query_id"].iloc[0]
    monkeypatch.setenv("ECIF_LOCAL", "0")
    assert "Not from here" in words_on(open_page("what_if", of="culprits", query=query))
    assert not [one for one in labels(open_page("trace_back", query=query)) if one.startswith("Check")]
    app = open_page("trace_back", query=right)
    assert "ecif trace RUN" in words_on(app) and not labels(app)
