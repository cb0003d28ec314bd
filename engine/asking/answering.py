"""One run, answering: its features and curvature at once, its model for the first picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from engine.asking.asker import Asker
from engine.asking.prediction import PredictionQuestion
from engine.asking.question import Question
from engine.asking.tracer import Tracer
from engine.runs import RunFolder

Say = Callable[..., None]
"""called with step, done and expected"""


class Answering:
    """Answers messages about one run.

    Args:
        run: with finished scores and tier heads.

    Raises:
        ConfigError: if the run studies more than the heads.
        RunFolderError: if the run's scores are not finished or cannot be read.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run, self._tracer = run, Tracer.open(run)

    def answer(self, message: dict[str, Any], say: Say) -> dict[str, Any] | None:
        """The answer to a message as a message; None to one that has the model loaded.

        Raises:
            EcifError: whatever a user can mend, as one sentence.
            RejectedImage: if a picture cannot be looked at.
        """
        if "query_id" in message:
            question = PredictionQuestion.from_message(message)
            return self._tracer.trace(question, lambda *at: say(**dict(zip(_AT, at, strict=True)))).to_message()
        if "load" in message:
            self._asker_with(say)
            return None
        question = Question.from_message(message)
        return self._asker_with(say).answer(question, lambda step: say(step=step)).to_message()

    def _asker_with(self, say: Say) -> Asker:
        if "_asker" not in vars(self):
            say(step="loading")
        return self._asker

    @cached_property
    def _asker(self) -> Asker:
        return Asker.open(self._run, self._tracer)


_AT = ("step", "done", "expected")
