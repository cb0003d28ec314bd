"""The Runs page in all its states, and its wizard up to the start of a run."""

import dataclasses
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pages import button, open_page, words_on
from small_data import model, small_table
from streamlit.testing.v1 import AppTest

from dashboard import jobs
from engine.estimates import Estimate
from engine.processes import birth
from engine.runs import FORMAT_VERSION, RunFolder, write_json

TITLES = {"pairs": "Reading pairs", "features": "Embedding images and captions", "scores": "Scoring every pair"}


@pytest.fixture
def unfinished(runs_dir: Path, sample_run: RunFolder) -> RunFolder:
    """A second run that has read its pairs and no more."""
    run = RunFolder(runs_dir / "second-00000000")
    run.path.mkdir()
    (run.path / "config.json").write_text(sample_run.config.to_json())
    write_json(run.path / "record.json", {"format_version": FORMAT_VERSION, "created_at": "2026-01-01T10:00:00+00:00",
               "counts": {"train": 1198}, "steps": {"pairs": {"seconds": 2.0}}})  # fmt: skip
    return run


def says(run: RunFolder, **progress: object) -> None:
    now = time.time()
    given = {"state": "running", "pid": os.getpid(), "born": birth(os.getpid()),
             "step": TITLES["features"], "steps": TITLES,
             "step_name": "features", "step_started_at": now, "done": 1, "total": 2}  # fmt: skip
    write_json(run.path / "progress.json", {**given, **progress})


def until(app: AppTest, condition, seconds: float = 60) -> None:
    """Run the page again until something is on it, as the browser does every half second."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end and not app.exception, words_on(app)
        time.sleep(0.3)
        app.run()


def buttons(app: AppTest) -> set[str]:
    return {one.label for one in app.button}


def test_a_finished_run_can_be_opened_and_has_nothing_to_go_on_with(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("runs")
    assert not app.exception and not app.error
    assert "finished · 1,198 training pairs" in words_on(app)
    assert not {"Go on", "Cancel"} & buttons(app)


def test_a_run_at_work_shows_its_steps_and_the_time_left(unfinished: RunFolder) -> None:
    says(unfinished, seconds_left=20.0)
    app = open_page("runs")
    assert not app.exception and not app.error
    words = words_on(app)
    assert "✓  Reading pairs  2 s\n▸  Embedding images and captions\n·  Scoring every pair" in words
    assert "Embedding images and captions · " in words and "left" in words
    assert "Started in a terminal" in words and "Cancel" not in buttons(app)
    assert words.count(unfinished.run_id) == 1  # its card, and no second one in the list


def test_a_stopped_run_can_go_on(unfinished: RunFolder) -> None:
    says(unfinished, born="earlier")  # by another process with this number, which is gone
    app = open_page("runs")
    assert not app.exception
    assert "stopped · 1,198 training pairs" in words_on(app) and "Go on" in buttons(app)
    assert "ended without a word" in words_on(app)


def test_a_failed_run_says_why(unfinished: RunFolder) -> None:
    says(unfinished, state="failed", message="Expected finite features, got NaN. Try --dtype float64.")
    app = open_page("runs")
    assert not app.exception
    assert "failed · 1,198 training pairs" in words_on(app) and "Try --dtype float64." in words_on(app)
    assert "Go on" in buttons(app)


@pytest.mark.parametrize("name", ["record.json", "progress.json"])
def test_a_damaged_run_is_told_and_the_others_are_listed(unfinished: RunFolder, name: str) -> None:
    says(unfinished)
    (unfinished.path / name).write_text("{broken")
    app = open_page("runs")
    assert not app.exception
    assert f"{unfinished.run_id}: Expected a readable {name}" in words_on(app)
    assert "finished · 1,198 training pairs" in words_on(app)


@pytest.mark.parametrize("printed", ["ecif run: Expected a model folder, got nothing.", "{run}"])
def test_a_job_that_could_not_begin_says_why_and_one_with_nothing_to_do_does_not(
    runs_dir: Path, sample_run: RunFolder, printed: str
) -> None:
    job = jobs.Job("a" * 12, "mine", 1, "", 5.0)
    (runs_dir / jobs.FOLDER).mkdir()
    write_json(runs_dir / jobs.FOLDER / f"{job.job_id}.json", dataclasses.asdict(job))
    words = printed.replace("{run}", str(runs_dir / sample_run.run_id))
    (runs_dir / jobs.FOLDER / f"{job.job_id}.log").write_text(words + "\n")
    app = open_page("runs")
    assert not app.exception
    assert ("could not begin" in words_on(app)) == (words in words_on(app)) == (printed != "{run}")


@pytest.fixture
def waiting_process() -> Iterator[psutil.Process]:
    """A process that has written nothing yet; not the tests' own, which computed the sample run."""
    process = subprocess.Popen(["sleep", "300"])
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_local", [True, False])
def test_a_run_that_is_starting_is_cancelled_from_this_machine_only(
    runs_dir: Path, waiting_process: psutil.Process, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    monkeypatch.setenv("ECIF_LOCAL", str(int(is_local)))
    job = jobs.Job("a" * 12, "mine", waiting_process.pid, birth(waiting_process.pid), 5.0)
    (runs_dir / jobs.FOLDER).mkdir()
    write_json(runs_dir / jobs.FOLDER / f"{job.job_id}.json", dataclasses.asdict(job))
    app = open_page("runs")
    assert not app.exception and "mine: starting …" in words_on(app)
    assert ("Cancel" in buttons(app)) == is_local


def test_without_runs_the_wizard_is_open_and_asks_for_the_data_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "d.sqlite"))
    app = open_page("runs")
    assert not app.exception
    assert "1 · The data" in words_on(app) and "2 · The model" not in words_on(app)
    assert "No runs here yet" in words_on(app)
    app.text_input(key="wizard_option_pairs").set_value(str(tmp_path / "gone.csv")).run()
    until(app, lambda: "These pairs cannot be used" in words_on(app))
    assert "no file at" in words_on(app) and "2 · The model" not in words_on(app)


def test_data_and_model_are_checked_before_a_run_is_started(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr("dashboard.jobs.start", lambda *given: started.append(given))
    table = small_table(tmp_path)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1].replace(lines[1].split(",")[0], "new", 1).replace(".", "-")]) + "\n")
    app = open_page("runs")
    app.text_input(key="wizard_option_pairs").set_value(str(table)).run()
    until(app, lambda: "2 · The model" in words_on(app))
    assert "**42 of 43 rows can be used**; 1 cannot." in words_on(app)
    assert "24 train, 10 validation, 8 test" in words_on(app) and "Read as a table" in words_on(app)
    rejected = app.dataframe[0].value
    assert rejected["Why they cannot be used"].tolist() == ["The image file does not exist."]
    assert rejected["The first"][0].startswith("pairs.csv, row 43: ")

    app.text_input(key="wizard_option_model").set_value(str(tmp_path)).run()
    assert "This cannot run yet." in {one.value for one in app.warning} and "3 · What it will take" not in words_on(app)
    app.text_input(key="wizard_option_model").set_value(model()).run()
    assert "This is a transformers model, " in words_on(app) and "MiB on this machine" in words_on(app)
    app.selectbox(key="wizard_option_tier").select("lora").run()
    assert "--adapter FOLDER" in words_on(app)
    app.selectbox(key="wizard_option_tier").select("heads")
    app.number_input(key="wizard_option_batch_size").set_value(8)
    app.number_input(key="wizard_option_damping").set_value(0.5).run()
    assert "3 · What it will take" in words_on(app) and "Start" not in buttons(app)

    button(app, "Check the model and estimate the time").click().run()
    until(app, lambda: "Start" in buttons(app))
    assert {one.label for one in app.metric} == {"Time", "Room on the disk"}
    assert "Embedding: known from the run" in words_on(app)
    button(app, "Start").click().run()
    assert not app.exception
    ((config, estimate),) = started
    assert (config.pairs, config.model, config.batch_size, config.damping) == (str(table), model(), 8, 0.5)
    assert (config.out, config.validation, config.relative_damping) == (str(runs_dir), None, None)
    assert isinstance(estimate, Estimate) and json.dumps(config.templates)
    assert app.text_input(key="wizard_option_pairs").value == "" and "2 · The model" not in words_on(app)


def test_a_model_that_is_not_on_this_machine_is_told_and_may_be_tried(tmp_path: Path, runs_dir: Path) -> None:
    app = open_page("runs")
    app.text_input(key="wizard_option_pairs").set_value(str(small_table(tmp_path))).run()
    until(app, lambda: "2 · The model" in words_on(app))
    app.text_input(key="wizard_option_model").set_value("hf:nobody/no-such-model").run()
    assert "have to be downloaded" in words_on(app)
    button(app, "Check the model and estimate the time").click().run()
    until(app, lambda: "Start anyway" in buttons(app))
    assert "The model cannot be used as it is." in words_on(app) and "no-such-model" in words_on(app)


def test_the_sample_fills_in_everything_it_needs(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("runs")
    button(app, "Use the sample data").click().run()
    until(app, lambda: "2 · The model" in words_on(app))
    assert app.text_input(key="wizard_option_model").value.endswith("sample_data/model")
    assert app.number_input(key="wizard_option_damping").value == sample_run.config.damping
    assert app.text_area(key="wizard_option_templates").value == "\n".join(sample_run.config.templates)
    assert "1,798 of 1,800 rows can be used" in words_on(app) and "3 · What it will take" in words_on(app)
    app.switch_page("views/overview.py").run()
    app.switch_page("views/runs.py").run()
    assert not app.exception
    assert app.number_input(key="wizard_option_damping").value == sample_run.config.damping


def test_class_folders_and_pictures_elsewhere_are_read_as_the_page_says(
    tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = small_table(tmp_path)
    pictures = sorted((tmp_path / "images").iterdir())
    for at, name in enumerate(("red_bus", "cat", "red_bus")):
        (tmp_path / "classes" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "classes" / name / f"{at}.webp").write_bytes(pictures[at].read_bytes())
    app = open_page("runs")
    app.text_input(key="wizard_option_pairs").set_value(str(tmp_path / "classes")).run()
    until(app, lambda: "3 of 3 rows can be used" in words_on(app))
    assert "Read as class folders" in words_on(app) and "a photo of a red bus." in words_on(app)
    app.text_input(key="wizard_option_caption_template").set_value("one {}").run()
    until(app, lambda: "one red bus" in words_on(app))

    (tmp_path / "elsewhere").mkdir()
    moved = table.rename(tmp_path / "elsewhere" / "pairs.csv")
    app.text_input(key="wizard_option_pairs").set_value(str(moved)).run()
    until(app, lambda: "0 of 42 rows can be used" in words_on(app))
    assert "Do the pictures lie elsewhere?" in words_on(app) and "2 · The model" not in words_on(app)
    app.text_input(key="wizard_option_images").set_value(str(tmp_path)).run()
    until(app, lambda: "42 of 42 rows can be used" in words_on(app))
    app.text_input(key="wizard_option_model").set_value(model()).run()
    started = []
    monkeypatch.setattr("dashboard.components.wizard.steps.start_step", lambda config, found: started.append(config))
    app.run()
    assert not app.exception
    assert (started[0].images, started[0].caption_template) == (str(tmp_path), "one {}")
