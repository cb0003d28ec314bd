"""Asking about a picture that is in no table: what the model says of it, and which training pairs made it say so.

`question` and `answer` are what goes in and comes out, without torch; `asker` computes, `worker` serves one dashboard.
"""

from engine.asking.answer import Answer, Explanation, Fit
from engine.asking.askable import check_askable, classes_of
from engine.asking.question import MAX_PICTURE_BYTES, Question, read_picture

__all__ = [
    # in
    "Question",
    "read_picture",
    "MAX_PICTURE_BYTES",
    # out
    "Answer",
    "Explanation",
    "Fit",
    # which runs
    "check_askable",
    "classes_of",
]
