"""Questions to the engine: real processes that a page can leave, find again and stop."""

import dataclasses
import json
import os
import time
from pathlib import Path

import psutil
import pytest

from dashboard.questions import FOLDER, Question, keep_set, kept_set, trace_question, what_if_question
from engine.runs import RunFolder, write_json


def wait_until(condition, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def run(runs_dir: Path, sample_run: RunFolder) -> RunFolder:
    return RunFolder(runs_dir / sample_run.run_id)


def test_a_running_question_is_found_again_and_can_be_stopped(run: RunFolder) -> None:
    ids = run.table("scores")["pair_id"].head(3).tolist()
    question = what_if_question(run, ids)
    assert not question.is_alive and not question.has_failed and question.seconds == 0
    question.start()
    again = what_if_question(run, reversed(ids))  # the same set in another order, in another tab
    assert again == question and again.is_alive and again.seconds > 0
    pid = json.loads((question.folder / "process.json").read_text())["pid"]
    again.start()
    assert json.loads((question.folder / "process.json").read_text())["pid"] == pid
    again.stop()
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert not question.is_alive and not question.is_answered and not question.has_failed


def test_an_answer_stays_and_is_not_computed_twice(run: RunFolder) -> None:
    queries = run.table("queries")
    right = queries.loc[queries["correct"].fillna(False).astype(bool), "query_id"].iloc[0]
    question = trace_question(run, right)
    question.start()
    wait_until(lambda: not question.is_alive)
    assert question.is_answered and not question.has_failed, question.last_words
    assert set(question.traces["query_id"]) == {right}
    written = question.answer.stat().st_mtime_ns
    trace_question(run, right).start()
    assert not question.is_alive and question.answer.stat().st_mtime_ns == written


def test_what_differs_in_anything_is_another_question(run: RunFolder) -> None:
    first = what_if_question(run, ["a", "b"])
    others = [what_if_question(run, ["a"]), what_if_question(run, ["a", "b"], retrain=True),
              what_if_question(run, ["a", "b"], query_id="q"), trace_question(run, "a")]  # fmt: skip
    assert len({one.folder for one in (first, *others)}) == 5
    run.update_record(changed=True)
    assert what_if_question(run, ["a", "b"]).folder != first.folder  # of the run as it was


def test_a_question_that_fails_says_why_and_can_be_asked_again(run: RunFolder) -> None:
    question = what_if_question(run, ["nobody"])
    question.start()
    wait_until(lambda: not question.is_alive)
    assert question.has_failed and not question.is_answered
    assert "to leave out" in question.last_words and "Traceback" not in question.last_words
    question.stop()
    assert not question.has_failed


def test_a_later_process_with_the_same_number_is_neither_waited_for_nor_stopped(tmp_path: Path) -> None:
    question = Question(tmp_path, ("doctor",), tmp_path / "answer.json")
    write_json(tmp_path / "process.json", {"pid": os.getpid(), "born": "earlier"})
    assert not question.is_alive and question.has_failed
    question.stop()  # must not stop this very test
    (tmp_path / "process.json").write_text("{broken")
    assert not question.is_alive and not question.has_failed and question.last_words == ""
    assert not dataclasses.replace(question, folder=tmp_path / "absent").is_alive


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 16, "x" * 16, "0123456789abcde/"])
def test_only_kept_sets_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / FOLDER).mkdir()
    assert kept_set(tmp_path, name) == []


def test_a_kept_set_is_found_by_its_name_in_any_order(tmp_path: Path) -> None:
    name = keep_set(tmp_path, ["b", "a", "b"])
    assert name == keep_set(tmp_path, ["a", "b"]) != keep_set(tmp_path, ["a"])
    assert kept_set(tmp_path, name) == ["a", "b"]


def test_a_kept_set_holds_ids_with_any_characters(tmp_path: Path) -> None:
    strange = ["=cmd", "a,b", 'quo"te', "two\nlines", "line\u2028separator", "ünï", "'quoted'"]
    name = keep_set(tmp_path, [*strange, "=cmd"])
    assert kept_set(tmp_path, name) == sorted(strange)
    assert keep_set(tmp_path, reversed(strange)) == name
