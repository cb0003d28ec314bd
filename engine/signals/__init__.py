"""Signals of a wrong pair beside influence, and the suspicion that ranks pairs by all of them.

A signal is one file with one function; higher or lower means more suspect as its docstring says.
"""

from engine.signals.clip_score import clip_scores
from engine.signals.pair_loss import pair_losses
from engine.signals.suggestions import suggested_captions
from engine.signals.suspicion import suspicion

__all__ = ["clip_scores", "pair_losses", "suggested_captions", "suspicion"]
