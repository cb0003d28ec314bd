"""Asking about a picture that is in no table: what the model says of it, and which training pairs made it say so.

`question` and `answer` are what goes in and comes out, without torch; `asker` computes, `worker` serves one dashboard.
"""

from engine.asking.answer import Answer, Explanation, Fit
from engine.asking.askable import check_askable
from engine.asking.question import MAX_PICTURE_BYTES, Question, read_picture

__all__ = ["Answer", "Explanation", "Fit", "MAX_PICTURE_BYTES", "Question", "check_askable", "read_picture"]
