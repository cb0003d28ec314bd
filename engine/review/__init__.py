"""Decisions of annotators and what is exported of them. No torch.

`DecisionStore` keeps every decision for good; `exports` turns them into files others can read.
"""

from engine.review.decisions import VERDICTS, Decision, DecisionStore

__all__ = ["VERDICTS", "Decision", "DecisionStore"]
