"""What the model says of a picture and why. Plain values, JSON both ways. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

ABOUT = ("answer", "label", "caption")
"""what a loss is about: the class that the model names, the class that was given, the caption that was given"""
TABLES = {
    "probabilities": ("label", "probability"),
    "best_captions": ("pair_id", "caption", "cosine"),
    "nearest": ("kind", "pair_id", "similarity", "rank"),
}


@dataclass(frozen=True)
class Explanation:
    """The training pairs behind one loss of the picture.

    The loss of a class is −log of its zero-shot probability. A caption's is the loss of picture and caption as one pair
    in a batch with validation pairs. Influence is signed as everywhere: > 0, the pair helps (without it the loss would
    be higher); < 0, it hurts.
    """

    about: str
    """one of `ABOUT`"""
    text: str
    """the class or the caption"""
    loss: float
    """nats"""
    pairs: pd.DataFrame
    """the columns of a run's traces: the pairs that hurt and that help most, with side and rank"""
    status: str
    """how the solve ended, in a sentence"""


@dataclass(frozen=True)
class Fit:
    """How the caption fits the picture."""

    cosine: float
    """of picture and caption, −1 to 1"""
    num_beside: int
    """validation pairs that stand in the batch of the caption's loss"""
    ranks: dict[str, tuple[int, int]]
    """by split of the run: (rank, of how many) of the caption among its different captions, 1 = fits best"""


@dataclass(frozen=True)
class Answer:
    """Everything about one question."""

    width: int
    """pixels, upright"""
    height: int
    """pixels, upright"""
    probabilities: pd.DataFrame
    """label, probability; the most probable class first, empty without classes"""
    fit: Fit | None
    """None without a caption"""
    best_captions: pd.DataFrame
    """pair_id, caption, cosine: the different captions of training pairs that fit the picture best"""
    explanations: tuple[Explanation, ...]
    """one for the class (given, or else the model's own answer), one for the caption"""
    nearest: pd.DataFrame
    """kind (image, caption), pair_id, similarity (cosine), rank: the training pairs most like the picture or caption"""
    seconds: dict[str, float]
    """load (once), embed, trace"""

    @property
    def predicted(self) -> str | None:
        """The most probable class; None without classes."""
        return None if self.probabilities.empty else str(self.probabilities["label"].iloc[0])

    def probability(self, label: str) -> float:
        """Of one class."""
        return float(self.probabilities.set_index("label")["probability"][label])

    def to_message(self) -> dict[str, Any]:
        """What `from_message` reads back, ready for JSON."""
        return {
            "width": self.width,
            "height": self.height,
            **{name: getattr(self, name).to_dict("records") for name in TABLES},
            "fit": None if self.fit is None else vars(self.fit),
            "explanations": [{**vars(one), "pairs": one.pairs.to_dict("records")} for one in self.explanations],
            "seconds": self.seconds,
        }

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Answer:
        """The answer in a message."""
        fit = message["fit"]
        if fit is not None:
            fit = Fit(**{**fit, "ranks": {split: tuple(rank) for split, rank in fit["ranks"].items()}})
        tables = {name: pd.DataFrame(message[name], columns=list(columns)) for name, columns in TABLES.items()}
        explanations = [Explanation(**{**one, "pairs": pd.DataFrame(one["pairs"])}) for one in message["explanations"]]
        values = {name: message[name] for name in ("width", "height", "seconds")}
        return cls(**values, **tables, fit=fit, explanations=tuple(explanations))
