"""Questions answered while somebody waits: about a picture that is in no table, and about any prediction of a run.

What the model says of a picture (`question`, `answer`), and which training pairs are behind it or behind a prediction
(`prediction`), without torch; `asker` and `tracer` compute, `worker` serves one dashboard.
"""

from engine.asking.answer import Answer, Explanation, Fit
from engine.asking.askable import check_askable, check_traceable, classes_of, trace_seconds
from engine.asking.prediction import PredictionQuestion, Traced
from engine.asking.question import MAX_PICTURE_BYTES, Question, read_picture

__all__ = [
    # in
    "PredictionQuestion",
    "Question",
    "read_picture",
    "MAX_PICTURE_BYTES",
    # out
    "Answer",
    "Explanation",
    "Fit",
    "Traced",
    # which runs, how long
    "check_askable",
    "check_traceable",
    "trace_seconds",
    "classes_of",
]
