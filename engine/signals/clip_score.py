"""CLIP score: cosine of a pair's image and caption. Lower is more suspect. Cost: one product per pair."""

from __future__ import annotations

from torch import Tensor

from engine.directional import Features


def clip_scores(features: Features) -> Tensor:
    """u_n · v_n of matched pairs, `[pairs]`, in −1 … 1. Source: Hessel et al. 2021, unscaled."""
    return (features.text * features.image).sum(1)
