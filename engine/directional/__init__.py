"""Derivatives of unit features along parameter directions, and back: the seam between models and maths.

Everything the losses, curvatures and scores know of a model is a `FeatureMap`: θ ↦ unit features, its
directional derivative (tangents) and its transpose (pullback). A new parameter subset is one new file here.
"""

from engine.directional.encoder_map import EncoderFeatureMap
from engine.directional.encoders import EncoderTowers
from engine.directional.heads import HeadsFeatureMap
from engine.directional.interface import (
    FeatureMap,
    Features,
    KnowsPullbackNorms,
    logit_cotangents,
    logit_tangents,
    logits_of,
)
from engine.directional.kept_heads import KeptHeadsFeatureMap, KeptRows

__all__ = [
    "EncoderFeatureMap",
    "EncoderTowers",
    "FeatureMap",
    "Features",
    "HeadsFeatureMap",
    "KeptHeadsFeatureMap",
    "KeptRows",
    "KnowsPullbackNorms",
    "logit_cotangents",
    "logit_tangents",
    "logits_of",
]
