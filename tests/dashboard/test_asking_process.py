"""The engine process behind the Ask page: kept, replaced, restarted, and never more than a sentence when it fails."""

import io
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import small_data
from PIL import Image

from dashboard.asking_process import BUSY, MOST_WAITING, SHORT_OF_MEMORY, Asked, AskingEngine
from engine.asking import PredictionQuestion, Question, Traced
from engine.errors import StorageError
from engine.pairs import picture_bytes
from engine.pipeline import run
from engine.runs import RunFolder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(small_data.small_config(tmp_path_factory.mktemp("small"), damping=0.3))


@pytest.fixture(scope="module")
def picture(small_run: RunFolder) -> bytes:
    pair = small_run.table("pairs").iloc[0]
    return picture_bytes(pair["images"], pair["image"])


@pytest.fixture(scope="module")
def engine() -> Iterator[AskingEngine]:
    engine = AskingEngine()
    yield engine
    engine.close()


def answered(asked: Asked, seconds: float = 120) -> Asked:
    assert asked.done.wait(seconds), f"no answer, still {asked.state}"
    return asked


def bomb(side: int = 12_000) -> bytes:
    """A PNG of 144 million pixels in some kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((1 + (side + 7) // 8) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_one_process_answers_question_after_question(
    engine: AskingEngine, small_run: RunFolder, picture: bytes
) -> None:
    first = answered(engine.ask(small_run, Question(picture)))
    assert first.error == "" and first.answer.predicted and len(first.answer.explanations[0].pairs)
    assert first.state == "done" and first.message == {}
    pid, started = engine.pid, time.monotonic()
    several = [engine.ask(small_run, Question(picture, words)) for words in ("a fox", "two red cars", "a boat")]
    fits = [answered(asked).answer.fit.cosine for asked in several]
    assert len(set(fits)) == 3
    assert engine.pid == pid
    assert time.monotonic() - started < 30
    assert engine.memory_bytes > 100e6


def test_hostile_files_are_answered_with_a_sentence_and_the_next_question_is_served(
    engine: AskingEngine, small_run: RunFolder, picture: bytes
) -> None:
    answered(engine.ask(small_run, Question(picture)))
    pid = engine.pid
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "PNG")
    hostile = [
        (whole.getvalue()[:-900], "The image is damaged or cut off"),
        (bomb(), "more than 40 million pixels"),
        (b"#!/bin/sh\necho a script that is called picture.png\n", "The file is not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "The file is not an image"),
    ]
    for data, words in hostile:
        asked = answered(engine.ask(small_run, Question(data)))
        assert asked.answer is None and words in asked.error
    assert "one of the run's classes" in answered(engine.ask(small_run, Question(picture, None, "no class"))).error
    assert answered(engine.ask(small_run, Question(picture))).answer is not None
    assert engine.pid == pid


def test_a_killed_process_gives_a_sentence_and_the_next_question_starts_another(
    engine: AskingEngine, small_run: RunFolder, picture: bytes
) -> None:
    answered(engine.ask(small_run, Question(picture)))
    pid = engine.pid
    os.kill(pid, signal.SIGSTOP)
    asked = engine.ask(small_run, Question(picture, "a question in the middle of which it dies"))
    while engine.num_waiting:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert answered(asked).error == SHORT_OF_MEMORY
    again = answered(engine.ask(small_run, Question(picture)))
    assert again.answer is not None and engine.pid not in (None, pid)


def test_a_run_that_cannot_be_asked_says_why(engine: AskingEngine, tmp_path: Path, picture: bytes) -> None:
    asked = answered(engine.ask(RunFolder(tmp_path), Question(picture)))
    assert asked.answer is None and "run folder" in asked.error
    assert engine.pid is None


def test_a_model_loaded_ahead_serves_the_question_that_comes(small_run: RunFolder, picture: bytes) -> None:
    engine = AskingEngine()
    engine.warm(small_run, with_model=True)
    until = time.monotonic() + 120
    while not engine.pid or engine.is_loading:
        assert time.monotonic() < until
        time.sleep(0.05)
    pid = engine.pid
    engine.warm(small_run, with_model=True)
    assert answered(engine.ask(small_run, Question(picture))).answer is not None
    assert engine.pid == pid
    engine.close()


def test_a_prediction_is_traced_without_the_model_once_for_all_who_ask_and_is_kept(small_run: RunFolder) -> None:
    engine, kept = AskingEngine(), []
    query_id = small_run.table("queries")["query_id"].iloc[-1]
    first = engine.trace(small_run, PredictionQuestion(query_id), kept.append)
    assert engine.trace(small_run, PredictionQuestion(query_id), kept.append) is first
    found = answered(first).answer
    assert first.error == "" and len(kept) == 1 and kept[0] is found and set(found.pairs["side"]) == {"hurts", "helps"}
    assert engine.trace(small_run, PredictionQuestion(query_id), kept.append) is first
    assert engine.trace_under_way(small_run, PredictionQuestion("another")) is None
    without_model, pid = engine.memory_bytes, engine.pid
    engine.warm(small_run, with_model=True)
    question = PredictionQuestion("classification:none")
    assert "query id" in answered(engine.trace(small_run, question, kept.append)).error
    assert engine.memory_bytes > without_model + 20e6 and engine.pid == pid
    failed = engine.trace_under_way(small_run, question)
    assert answered(engine.trace(small_run, question, kept.append)) is not failed
    engine.close()


def test_a_trace_that_cannot_be_stored_is_shown_all_the_same(small_run: RunFolder) -> None:
    def refuse(traced: Traced) -> None:
        raise StorageError("room", "a full disk", "Free some.")

    engine, query_id = AskingEngine(), small_run.table("queries")["query_id"].iloc[-1]
    asked = answered(engine.trace(small_run, PredictionQuestion(query_id), refuse))
    assert asked.error == "" and len(asked.answer.pairs)
    engine.close()


def test_an_idle_process_leaves_and_comes_back(small_run: RunFolder, picture: bytes) -> None:
    engine = AskingEngine(idle_seconds=0.5)
    answered(engine.ask(small_run, Question(picture)))
    until = time.monotonic() + 30
    while engine.pid and time.monotonic() < until:
        time.sleep(0.1)
    assert engine.pid is None and engine.memory_bytes == 0
    assert answered(engine.ask(small_run, Question(picture))).answer is not None
    engine.close()


def test_a_question_that_takes_too_long_is_given_up(small_run: RunFolder, picture: bytes) -> None:
    engine = AskingEngine(load_seconds=0.05)
    asked = answered(engine.ask(small_run, Question(picture)))
    assert "no answer within" in asked.error and engine.pid is None


def test_more_questions_than_can_wait_are_refused(small_run: RunFolder, picture: bytes) -> None:
    engine = AskingEngine(load_seconds=0.05)
    asked = [engine.ask(small_run, Question(picture)) for _ in range(MOST_WAITING + 4)]
    assert [one.error for one in asked][-1] == BUSY
    for one in asked:
        answered(one)
    engine.close()


def test_the_process_ends_with_the_server_however_that_ends(small_run: RunFolder, tmp_path: Path) -> None:
    pair = small_run.table("pairs").iloc[0]
    code = (
        "import sys, time, os\nfrom pathlib import Path\n"
        "from dashboard.asking_process import AskingEngine\nfrom engine.asking import Question\n"
        "from engine.runs import RunFolder\n"
        "engine = AskingEngine()\n"
        "asked = engine.ask(RunFolder(Path(sys.argv[1])), Question(Path(sys.argv[2]).read_bytes()))\n"
        "asked.done.wait(120)\n"
        "assert 'torch' not in sys.modules and asked.answer is not None, asked.error\n"
        "print(engine.pid, flush=True)\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(small_run.path), str(Path(pair["images"], pair["image"]))]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    server.stdout.close()
    until = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "the engine outlived its server"
        time.sleep(0.1)
