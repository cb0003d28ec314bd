"""Where a run stands, in steps and in time."""

import time
from pathlib import Path

import pytest

from dashboard import jobs
from dashboard.run_steps import expected_seconds, left_in_words, share_done, steps_of
from engine.estimates import Estimate, to_json
from engine.runs import FORMAT_VERSION, RunFolder, write_json

TITLES = {"pairs": "Reading pairs", "features": "Embedding", "scores": "Scoring"}
PROGRESS = {"state": "running", "steps": TITLES, "step_name": "features", "step": "Embedding", "done": 1, "total": 4,
            "seconds_left": 30.0}  # fmt: skip
RECORD = {"steps": {"pairs": {"seconds": 2.5}}}


def test_steps_are_done_at_work_or_waiting() -> None:
    steps = steps_of(PROGRESS, RECORD)
    assert [(one.title, one.state, one.seconds) for one in steps] == [
        ("Reading pairs", "done", 2.5),
        ("Embedding", "now", None),
        ("Scoring", "waiting", None),
    ]
    assert share_done(steps, PROGRESS) == pytest.approx((1 + 0.25) / 3)
    assert [one.state for one in steps_of({**PROGRESS, "state": "failed"}, RECORD)] == ["done", "waiting", "waiting"]
    assert steps_of({}, {}) == [] and share_done([], {}) == 0


def test_the_estimate_made_before_the_start_is_what_is_expected(runs_dir: Path, sample_run: RunFolder) -> None:
    run = RunFolder(runs_dir / sample_run.run_id)
    run.update_record(steps={})
    job = jobs.Job("a" * 12, "x", 1, "", 0.0)
    (runs_dir / jobs.FOLDER).mkdir()
    assert jobs.estimate_of(job, runs_dir) is None
    said = Estimate({"pairs": (1.0, 2.0), "features": (3.0, 4.0)}, 5, ("a",))
    write_json(runs_dir / jobs.FOLDER / f"{job.job_id}{jobs.ESTIMATE}", to_json(said))
    assert expected_seconds(run, job, runs_dir) == {"pairs": (1.0, 2.0), "features": (3.0, 4.0)}
    assert jobs.jobs(runs_dir) == []  # an estimate is no job


def test_a_run_of_a_terminal_is_judged_by_an_earlier_one(runs_dir: Path, sample_run: RunFolder) -> None:
    now = RunFolder(runs_dir / "now-00000000")
    now.path.mkdir()
    (now.path / "config.json").write_text(sample_run.config.to_json())
    write_json(now.path / "record.json", {"format_version": FORMAT_VERSION, **RECORD})
    said = {**PROGRESS, "step_started_at": time.time()}
    write_json(now.path / "progress.json", said)
    assert left_in_words(now, expected_seconds(now, None, runs_dir)) == "the time left is not known yet"
    now.update_record(counts={"train": sample_run.record["counts"]["train"]})
    seconds = sample_run.record["steps"]["scores"]["seconds"]
    expected = expected_seconds(now, None, runs_dir)
    assert expected["scores"] == pytest.approx((0.6 * seconds, 1.8 * seconds))
    assert left_in_words(now, expected).endswith("left")
    write_json(now.path / "progress.json", {**said, "step_name": "scores", "steps": {}, "seconds_left": 0.1})
    now.update_record(steps={name: {"seconds": 1.0} for name in expected if name != "scores"})
    assert left_in_words(now, expected) == "almost done"
