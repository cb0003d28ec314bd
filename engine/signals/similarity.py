"""Similarity: the CLIP score of heads that have not seen the pair. Lower is more suspect.

u_n · v_n (Hessel et al. 2021, unscaled). Cost: one product per candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.signals.interface import Candidates


@dataclass(frozen=True)
class Similarity:
    """Cosine of image and caption by heads that have not seen the pair, −1 … 1."""

    name: str = "similarity"
    sign: int = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """Cosine, `[candidates]`."""
        return candidates.similarity


@dataclass(frozen=True)
class ModelSimilarity:
    """Cosine in the model itself; says nothing where the model has learned these very pairs."""

    name: str = "model_similarity"
    sign: int = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """Cosine, `[candidates]`; NaN without a model that may speak."""
        if candidates.space.model_similarity is None:
            return candidates.similarity * float("nan")
        return candidates.space.model_similarity(candidates.images, candidates.texts)
