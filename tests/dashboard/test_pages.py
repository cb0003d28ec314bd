"""Every page, run by Streamlit's own test runner over the finished sample run."""

from pathlib import Path

import pytest
import tiny_models
from pages import button, open_page, words_on

from engine.ranked_table import write_ranked
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder, write_table

PAGES = [
    "overview",
    "suspicious",
    "predictions",
    "trace_back",
    "ask",
    "what_if",
    "pair",
    "map",
    "queue",
    "decisions",
    "runs",
    "compare",
]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception(runs_dir: Path, page: str) -> None:
    app = open_page(page)
    assert not app.exception and not app.error
    assert len(app.title) == 1


@pytest.fixture(scope="module")
def adapter_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run over a LoRA adapter: no labels, no classes."""
    from engine.pipeline import run

    return run(tiny_models.adapter_run(tmp_path_factory.mktemp("adapter")))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_run_over_an_adapter(
    adapter_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("ECIF_RUNS_DIR", str(adapter_run.path.parent))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "d.sqlite"))
    query = adapter_run.table("traces")["query_id"].iloc[0]
    app = open_page(page, run=adapter_run.run_id, query=query)
    assert not app.exception and not app.error
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_to_do_when_there_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "d.sqlite"))
    app = open_page(page)
    assert not app.exception
    assert "No finished run yet" in words_on(app) or "No runs here yet" in words_on(app)
    assert "ecif demo" in words_on(app)


def test_the_overview_shows_the_figures_of_the_record(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("overview")
    shown = {metric.label: metric.value for metric in app.metric}
    record = sample_run.record
    assert shown["Training pairs"] == f"{record['counts']['train']:,}"
    assert shown["Test pictures named right"] == f"{record['metrics']['zero_shot_accuracy']:.0%}"
    assert shown["Rows left out"] == "2"


def test_the_overview_begins_with_a_reading_and_the_one_thing_to_do(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("overview")
    assert "of the captions look wrong" in words_on(app) and "commonest mistake: " in words_on(app)
    button(app, "Start here: look at the first pairs").click().run()
    assert not app.exception and app.title[0].value == "Suspicious pairs"
    assert "Learn from these and propose the next" in {one.label for one in app.button}
    undecided = sample_run.table("signals").nlargest(1, "suspicion_rank")["pair_id"].item()
    DecisionStore.open(runs_dir / "decisions.sqlite").append(
        [Decision(pair_id=undecided, verdict="keep", annotator="a", decided_at="2026-01-01T00:00", client_key="k")]
    )
    app = open_page("overview")
    button(app, "Start here: trace the commonest mistake").click().run()
    assert not app.exception and app.title[0].value == "Why did the model say this?"


def test_the_pair_page_decides_relabels_and_undoes(runs_dir: Path, sample_run: RunFolder) -> None:
    pair_id = sample_run.table("scores").nsmallest(1, "suspicion_rank")["pair_id"].item()
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    app = open_page("pair", pair=pair_id)
    app.text_area[0].set_value("a striped tent in the desert")
    next(button for button in app.button if button.label == "Relabel").click().run()
    assert not app.exception
    row = store.current().iloc[0]
    assert (row["pair_id"], row["verdict"], row["new_caption"]) == (pair_id, "relabel", "a striped tent in the desert")
    next(button for button in app.button if button.label == "Undo").click().run()
    assert store.current().empty
    assert len(store.history()) == 2


def test_the_pair_page_says_whom_a_pair_disturbs_and_what_it_does_to_itself(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    score = sample_run.table("scores").nlargest(1, "self_influence").iloc[0]
    app = open_page("pair", pair=score["pair_id"])
    assert not app.exception
    assert "Whom it disturbs" in words_on(app) and "wrong answer** for other pairs" in words_on(app)
    shown = {metric.label: metric for metric in app.metric}["Effect on itself"]
    assert shown.value == f"{score['self_influence']:+.2g}"
    assert shown.delta == f"± {score['self_influence_error']:.1g} nats · rank 1"


def test_a_run_of_an_earlier_version_opens_without_what_it_lacks(runs_dir: Path, sample_run: RunFolder) -> None:
    folder = runs_dir / sample_run.run_id
    scores = sample_run.table("scores")
    write_table(
        folder / "scores.parquet",
        scores.drop(columns=["self_influence", "self_influence_error", "parameter_change_error"]),
    )
    (folder / "disturbs.parquet").unlink()
    write_ranked(RunFolder(folder))
    app = open_page("pair", pair=scores["pair_id"].iloc[0])
    assert not app.exception and not app.error
    assert "Not computed for this run" in words_on(app)
    assert "Effect on itself" not in {metric.label for metric in app.metric}
    assert not open_page("suspicious").exception


def test_a_pair_that_disturbs_nobody_says_so(runs_dir: Path, sample_run: RunFolder) -> None:
    disturbs = sample_run.table("disturbs")
    pair_id = disturbs["pair_id"].iloc[0]
    write_table(runs_dir / sample_run.run_id / "disturbs.parquet", disturbs[disturbs["pair_id"] != pair_id])
    app = open_page("pair", pair=pair_id)
    assert not app.exception
    assert "Nobody" in words_on(app)


def test_a_test_pair_has_no_influence_and_says_so(runs_dir: Path, sample_run: RunFolder) -> None:
    pairs = sample_run.table("pairs")
    app = open_page("pair", pair=pairs.loc[pairs["split"] == "test", "pair_id"].iloc[0])
    assert not app.exception
    assert "did not learn from it" in words_on(app)


def test_trace_back_shows_truth_and_prediction(runs_dir: Path, sample_run: RunFolder) -> None:
    queries = sample_run.table("queries")
    wrong = queries[(queries["kind"] == "classification") & ~queries["correct"].fillna(True).astype(bool)].iloc[0]
    app = open_page("trace_back", query=wrong["query_id"])
    assert not app.exception
    assert app.title[0].value == "Why did the model say this?"
    texts = [element.value for element in app.text]
    assert wrong["true_label"] in texts and wrong["predicted_label"] in texts


@pytest.mark.parametrize(("page", "params"), [("trace_back", {"query": "no:such"}), ("pair", {"pair": "../../etc"})])
def test_an_address_that_names_nothing_gets_an_empty_state(runs_dir: Path, page: str, params: dict[str, str]) -> None:
    app = open_page(page, **params)
    assert not app.exception
    assert "first" in words_on(app)


def test_a_damaged_run_is_said_on_the_page(runs_dir: Path, sample_run: RunFolder) -> None:
    (runs_dir / sample_run.run_id / "ranked.parquet").write_bytes(b"not a table")
    app = open_page("suspicious")
    assert not app.exception
    assert "ranked.parquet" in words_on(app)


def test_a_run_of_another_version_is_said_and_nothing_else(runs_dir: Path, sample_run: RunFolder) -> None:
    RunFolder(runs_dir / sample_run.run_id).update_record(format_version=99)
    app = open_page("overview")
    assert not app.exception
    assert "format 99" in words_on(app) and "No finished run yet" not in words_on(app)


def test_runs_are_not_started_from_a_page_that_others_can_reach(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(open_page("runs").text_input) > 1
    monkeypatch.setenv("ECIF_LOCAL", "0")
    app = open_page("runs")
    assert not [one for one in app.text_input if one.label == "Your pairs"]
    assert "open to other machines" in words_on(app)


def test_a_stopped_run_can_go_on_from_the_page(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(runs_dir / sample_run.run_id)
    run.update_record(finished_at=None)
    started = []
    monkeypatch.setattr("dashboard.jobs.start", started.append)
    app = open_page("runs")
    assert "stopped" in words_on(app)
    next(button for button in app.button if button.label == "Go on").click().run()
    assert not app.exception
    assert [config.pairs for config in started] == [run.config.pairs]
    assert started[0].out == str(runs_dir)
