"""A question about a prediction of a run, and its answer: the training pairs behind it. Plain values. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.errors import ConfigError


@dataclass(frozen=True)
class PredictionQuestion:
    """Which training pairs are behind a prediction of the run's queries table."""

    query_id: str

    def __post_init__(self) -> None:
        if not isinstance(self.query_id, str) or not self.query_id:
            raise ConfigError("a query id", repr(self.query_id), "List them with `ecif trace RUN`.")

    def to_message(self) -> dict[str, Any]:
        """What `from_message` reads back, ready for JSON."""
        return {"query_id": self.query_id}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> PredictionQuestion:
        """The question in a message.

        Raises:
            ConfigError: if the message is not one that `to_message` wrote.
        """
        return cls(message.get("query_id"))


@dataclass(frozen=True)
class Traced:
    """The training pairs behind one prediction."""

    pairs: pd.DataFrame
    """the columns of a run's traces: the pairs that hurt and that help most, with side and rank"""
    status: str
    """how the solve ended, in a sentence"""
    seconds: dict[str, float]
    """gradient, solve, score"""

    def to_message(self) -> dict[str, Any]:
        """What `from_message` reads back, ready for JSON."""
        types = {name: str(kind) for name, kind in self.pairs.dtypes.items()}
        return {
            "pairs": self.pairs.to_dict("records"),
            "types": types,
            "status": self.status,
            "seconds": self.seconds,
        }

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Traced:
        """The answer in a message."""
        types = message["types"]
        pairs = pd.DataFrame(message["pairs"], columns=list(types)).astype(types)
        return cls(pairs, message["status"], message["seconds"])
