"""A process that answers questions about one run: `python -m engine.asking.worker RUN`, JSON lines over its pipes.

In, one question at a time: about a prediction `{"id": N, "query_id": …}`; about a picture `{"id": N, "picture":
base64, "caption": …, "label": …, "top": …}`, or `{"id": N, "load": true}`, which has the model loaded ahead of one.
Out, in this order: one line `{"state": "ready"}` or `{"failed": sentence}`; for each question lines `{"id": N, "step":
…, "done": …, "expected": …}`, then `{"id": N, "answer": …}` or `{"id": N, "error": sentence}`.

Features and curvature of the run are loaded at the start; the model, which only pictures need, for the first of them.

It ends with status 0 when its input is closed, which happens too when the process that started it dies, and after some
minutes without a question. It writes no files.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
import traceback
from typing import IO, Any

from engine.cli import ENVIRONMENT
from engine.errors import EcifError
from engine.pairs import RejectedImage
from engine.runs import RunFolder

IDLE_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until the input ends or nobody asks; 1 if the run cannot be asked."""
    parser = argparse.ArgumentParser(prog="python -m engine.asking.worker", description="Answer questions on a run.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS, help="end after this long without one")
    options = parser.parse_args(arguments)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    replies = _own_output()
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    try:
        from engine.asking.answering import Answering

        answering = Answering(RunFolder.open(options.run))
    except EcifError as error:
        _say(replies, failed=str(error))
        return 1
    _say(replies, state="ready")
    while True:
        try:
            line = lines.get(timeout=options.idle_seconds)
        except queue.Empty:
            return 0
        if line is None:
            return 0
        _answer(answering, line, replies)


def _answer(answering: Any, line: str, replies: IO[str]) -> None:
    """One question; whatever goes wrong with it is its answer, and the next one is served."""
    number = None
    try:
        message = json.loads(line)
        number = message.pop("id")
        answer = answering.answer(message, lambda **step: _say(replies, id=number, **step))
        _say(replies, id=number, answer=answer)
    except RejectedImage as error:
        _say(replies, id=number, error=error.reason)
    except EcifError as error:
        _say(replies, id=number, error=str(error))
    except Exception as error:
        traceback.print_exc()
        _say(replies, id=number, error=f"The engine met something it did not expect ({type(error).__name__}: {error}).")


def _own_output() -> IO[str]:
    """The pipe for replies; what libraries print goes to the error output instead."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _read(lines: queue.SimpleQueue[str | None]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)


def _say(replies: IO[str], **message: Any) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main())
