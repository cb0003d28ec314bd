"""The engine behind Ask and Trace-back: one process that loads a run once and answers one question at a time.

The server never imports torch. It starts `python -m engine.asking.worker RUN` for the first question and keeps it; a
question about another run starts another in its place, so at most one run is in memory. The process ends by itself
after some minutes without a question, and with the server, because its input closes. No Streamlit here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from dashboard.places import is_local
from dashboard.processes import environment
from engine.asking import Answer, PredictionQuestion, Question, Traced
from engine.errors import EcifError
from engine.runs import RunFolder

IDLE_SECONDS = 600.0
LOAD_SECONDS = 300.0
ANSWER_SECONDS = 180.0
MOST_WAITING = 8
KEPT_TRACES = 32
TRACE_SECONDS = 1800.0
STATES = ("waiting", "loading", "embedding", "tracing", "solving", "scoring", "done")
BUSY = f"{MOST_WAITING} questions are waiting already. Ask again in a minute."
STOPPED = "The engine stopped in the middle of this question. Ask again: it starts anew."
SHORT_OF_MEMORY = "The engine was stopped from outside, perhaps because the machine is short of memory. Ask again."
TOO_LONG = (
    "There was no answer within {:.0f} seconds, so the engine was stopped. `ecif ask` and `ecif trace` wait longer."
)


def asking_is_allowed() -> bool:
    """Whether questions are answered: on this machine alone, or where ECIF_ASK=1 says that others may use it too."""
    return is_local() or os.environ.get("ECIF_ASK") == "1"


@dataclass
class Asked:
    """One question on its way; other threads write it."""

    run: RunFolder
    message: dict[str, Any]
    """the question; emptied when it is done, because it holds the picture"""
    read: Callable[[dict[str, Any]], Answer | Traced] = Answer.from_message
    """makes an answer of what the process says"""
    keep: Callable[[Traced], None] = lambda answer: None
    """is given the answer before anyone sees it"""
    limit_seconds: float = ANSWER_SECONDS
    """longest wait for an answer"""
    state: str = "waiting"
    """one of `STATES`"""
    progress: tuple[int, int] = (0, 0)
    """done, of about so many; of the present state"""
    answer: Answer | Traced | None = None
    error: str = ""
    """the sentence to show instead of an answer"""
    begun: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def seconds(self) -> float:
        """Since it was asked."""
        return time.monotonic() - self.begun

    def finish(self, answer: Answer | Traced | None, error: str = "") -> None:
        """Let those who wait see what came of it."""
        self.answer, self.error, self.state, self.message = answer, error, "done", {}
        self.done.set()


class _EngineEnded(Exception):
    """The process ended, or was ended, before it answered."""


class AskingEngine:
    """Answers questions in the order they came; shared by all sessions of a server.

    Args:
        idle_seconds: how long the process stays without a question.
        load_seconds: longest wait for a run to be loaded.
        answer_seconds: longest wait for an answer about a picture.
        trace_seconds: longest wait for a trace.
    """

    def __init__(
        self,
        idle_seconds: float = IDLE_SECONDS,
        load_seconds: float = LOAD_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        trace_seconds: float = TRACE_SECONDS,
    ) -> None:
        self._idle_seconds, self._load_seconds = idle_seconds, load_seconds
        self._answer_seconds, self._trace_seconds = answer_seconds, trace_seconds
        self._traces: dict[tuple[Path, str, str], Asked] = {}
        self._questions: queue.Queue[Asked] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._about: tuple[Path, str] | None = None
        self._number = 0
        self._is_busy = self._is_loading = self._has_model = False
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def ask(self, run: RunFolder, question: Question) -> Asked:
        """Put a question at the end of the queue; returns at once."""
        return self._in_line(Asked(run, question.to_message(), limit_seconds=self._answer_seconds))

    def trace(self, run: RunFolder, question: PredictionQuestion, keep: Callable[[Traced], None]) -> Asked:
        """Put the trace of a prediction in the queue, unless it is on its way or there; ask anew if it failed.

        Args:
            run: of the prediction.
            question: what is asked.
            keep: stores the trace, whether or not somebody still waits for it.
        """
        name = (*_named(run), question.query_id)
        with self._lock:
            asked = self._traces.get(name)
            if asked is None or asked.error:
                asked = Asked(run, question.to_message(), Traced.from_message, keep, self._trace_seconds)
                self._traces[name] = self._in_line(asked)
                for old in [one for one, found in self._traces.items() if found.done.is_set()][:-KEPT_TRACES]:
                    del self._traces[old]
            return asked

    def trace_under_way(self, run: RunFolder, question: PredictionQuestion) -> Asked | None:
        """The trace of a prediction that was asked for: on its way, there or failed; None if nobody asked."""
        with self._lock:
            return self._traces.get((*_named(run), question.query_id))

    def warm(self, run: RunFolder, *, with_model: bool) -> None:
        """Load a run ahead of a question that is likely to come, if nobody else is asking.

        Args:
            run: that will be asked.
            with_model: also its model, which only pictures need.
        """
        is_there = self._about == _named(run) and self.pid and (self._has_model or not with_model)
        if not is_there and not self._is_busy and self._questions.empty():
            message = {"load": True} if with_model else {}
            self._questions.put(Asked(run, message, limit_seconds=self._load_seconds))

    def _in_line(self, asked: Asked) -> Asked:
        if self._questions.qsize() >= MOST_WAITING:
            asked.finish(None, BUSY)
        else:
            self._questions.put(asked)
        return asked

    @property
    def num_waiting(self) -> int:
        """Questions that nobody works on yet."""
        return self._questions.qsize()

    @property
    def is_loading(self) -> bool:
        """Whether a run or its model is on its way into memory."""
        return self._is_loading

    @property
    def pid(self) -> int | None:
        """Of the process; None if none is alive."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def memory_bytes(self) -> int:
        """What the process holds; 0 if there is none."""
        try:
            return psutil.Process(self.pid).memory_info().rss if self.pid else 0
        except psutil.Error:
            return 0

    def close(self) -> None:
        """End the process; the next question starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _serve(self) -> None:
        while True:
            asked = self._questions.get()
            self._is_busy = True
            try:
                self._answer(asked)
            except Exception as error:  # a thread that dies would leave every later question waiting
                self.close()
                asked.finish(None, str(error) if isinstance(error, _EngineEnded) else f"{STOPPED} ({error})")
            self._is_busy = self._is_loading = False

    def _answer(self, asked: Asked) -> None:
        is_new = self._ready_for(asked)
        if not asked.message:  # the run was to be loaded, no more
            return asked.finish(None)
        try:
            self._exchange(asked)
        except _EngineEnded:
            if is_new or self._process.wait() != 0:
                raise
            self._ready_for(asked)  # it had just left for want of questions
            self._exchange(asked)
        return None

    def _ready_for(self, asked: Asked) -> bool:
        """See to it that a process for this run is there; True if it was started now."""
        if self.pid and self._about == _named(asked.run):
            return False
        self.close()
        asked.state, self._is_loading, self._has_model = "loading", True, False
        self._start(asked.run.path)
        self._about = _named(asked.run)
        said = self._next_reply(time.monotonic() + self._load_seconds, self._load_seconds)
        if "failed" in said:
            raise _EngineEnded(said["failed"])
        self._is_loading = False
        return True

    def _start(self, run: Path) -> None:
        command = [sys.executable, "-m", "engine.asking.worker", str(run), "--idle-seconds", str(self._idle_seconds)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(),
            start_new_session=True,  # Ctrl+C in the server's terminal is for the server
        )
        self._replies = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._process, self._replies), daemon=True).start()

    def _exchange(self, asked: Asked) -> None:
        self._number += 1
        try:
            self._process.stdin.write(json.dumps({**asked.message, "id": self._number}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _EngineEnded(STOPPED) from error
        until = time.monotonic() + asked.limit_seconds
        while True:
            said = self._next_reply(until, asked.limit_seconds)
            if "step" in said:
                asked.state, asked.progress = said["step"], (said.get("done", 0), said.get("expected", 0))
                self._is_loading = asked.state == "loading"
            elif "answer" in said:
                self._has_model = self._has_model or "query_id" not in asked.message
                return self._finish(asked, said["answer"])
            else:
                return asked.finish(None, said["error"])

    def _finish(self, asked: Asked, said: dict[str, Any] | None) -> None:
        answer = None if said is None else asked.read(said)
        with contextlib.suppress(EcifError):  # a disk that takes nothing is no reason to show nothing
            asked.keep(answer)
        asked.finish(answer)

    def _next_reply(self, until: float, limit_seconds: float) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty as error:
            self.close()
            raise _EngineEnded(TOO_LONG.format(limit_seconds)) from error
        if line is None:
            raise _EngineEnded(SHORT_OF_MEMORY if self._process.wait() == -9 else STOPPED)
        return json.loads(line)


def _named(run: RunFolder) -> tuple[Path, str]:
    """What a process was started for: a run that changes needs another."""
    return run.path, run.revision


def _read(process: subprocess.Popen[str], replies: queue.SimpleQueue[str | None]) -> None:
    with process.stdout:
        for line in process.stdout:
            replies.put(line)
    replies.put(None)
