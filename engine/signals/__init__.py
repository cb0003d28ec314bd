"""Signals of a wrong pair, and the suspicion that is learned from them without labels.

`EVIDENCE` is what suspicion is learned from; `BESIDES` are further signals that stand beside it in signals.parquet. One
more signal is one new file and one line here.
"""

from engine.signals.association import Association
from engine.signals.clip_score import clip_scores
from engine.signals.competition import CompetitionLoss
from engine.signals.confident_learning import LabelQuality
from engine.signals.interface import Candidates, Signal, Space
from engine.signals.lemon import Lemon, LemonImage, LemonText
from engine.signals.margin import Margin
from engine.signals.pair_loss import pair_losses
from engine.signals.ranking import in_sample_suspicion
from engine.signals.similarity import ModelSimilarity, Similarity
from engine.signals.suggestions import suggested_captions

QUICK_EVIDENCE: tuple[Signal, ...] = (
    Similarity(),
    Association(),
    CompetitionLoss("captions", "similarity"),
    CompetitionLoss("images", "similarity"),
    CompetitionLoss("captions", "association"),
    CompetitionLoss("images", "association"),
    Margin(),
    LabelQuality(),
    ModelSimilarity(),
)
"""without neighbours: enough for the rounds in which suspects are taken out of training"""
EVIDENCE: tuple[Signal, ...] = (
    *QUICK_EVIDENCE,
    CompetitionLoss("captions", "similarity", among_alike=True),
    CompetitionLoss("images", "similarity", among_alike=True),
    CompetitionLoss("captions", "association", among_alike=True),
    CompetitionLoss("images", "association", among_alike=True),
)
BESIDES: tuple[Signal, ...] = (Lemon(), LemonImage(), LemonText())

__all__ = [
    "BESIDES",
    "EVIDENCE",
    "QUICK_EVIDENCE",
    "Candidates",
    "Signal",
    "Space",
    "clip_scores",
    "in_sample_suspicion",
    "pair_losses",
    "suggested_captions",
]
