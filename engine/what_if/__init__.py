"""What if a set of pairs were gone? The edited model, what it predicts, and the truth by retraining."""

from engine.what_if.changes import loss_interval, paired_interval
from engine.what_if.edit import WhatIf, save_edited, what_if
from engine.what_if.report import print_truth, print_what_if, summary
from engine.what_if.truth import Truth, retrained

__all__ = [
    # prediction
    "what_if",
    "WhatIf",
    "save_edited",
    # truth
    "retrained",
    "Truth",
    # how sure a change is
    "paired_interval",
    "loss_interval",
    # words
    "summary",
    "print_what_if",
    "print_truth",
]
