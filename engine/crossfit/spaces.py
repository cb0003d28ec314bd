"""The space of one fold: heads fitted without it and without what is suspect so far, calibrated on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from engine.crossfit.canonical import CanonicalHeads, fit_canonical, weighted_correlations
from engine.crossfit.inputs import PairInputs
from engine.signals.interface import Space, Variates

Similarities = Callable[[Tensor, Tensor], Tensor]
MOST_REFERENCES = 4096
LOGIT_SCALES = np.geomspace(5.0, 100.0, 14)
MOST_FOR_CALIBRATION = 1024


@dataclass(frozen=True)
class FoldFitter:
    """Fits spaces of folds of the same pairs."""

    inputs: PairInputs
    inputs_of_fold: Callable[[int], PairInputs]
    """the same pairs as a model sees them that has not seen the fold"""
    folds: np.ndarray
    """fold of each pair, `[pairs]`"""
    references: Tensor
    """see `Space.references`"""

    def rows(self, fold: int) -> Tensor:
        """Positions of the fold's pairs."""
        return torch.as_tensor(np.flatnonzero(self.folds == fold), device=self.inputs.image.device)

    def heads(self, fold: int, inputs: PairInputs, trust: Tensor) -> CanonicalHeads:
        """Heads fitted to the other folds of `inputs`, each pair weighted by its trust."""
        others = torch.as_tensor(self.folds != fold, device=trust.device)
        return fit_canonical(inputs.image[others], inputs.text[others], trust[others])

    def space(
        self,
        fold: int,
        inputs: PairInputs,
        heads: CanonicalHeads,
        trust: Tensor,
        class_probabilities: np.ndarray | None,
        model_similarity: Similarities | None,
    ) -> Space:
        """All pairs as heads see them that were fitted without the fold.

        Args:
            fold: that is to be scored.
            inputs: of the fold.
            heads: of the other folds.
            trust: probability so far that each pair is right, `[pairs]`.
            class_probabilities: see `Space`.
            model_similarity: see `Space`.
        """
        rows = self.rows(fold)
        image, text = heads.image_variates(inputs.image), heads.text_variates(inputs.text)
        correlations = weighted_correlations(image[rows], text[rows], trust[rows])
        unit_image, unit_text = normalize(image * heads.head_scale), normalize(text * heads.head_scale)
        return Space(
            image=unit_image,
            text=unit_text,
            logit_scale=_calibrated(unit_image[rows], unit_text[rows], trust[rows]),
            variates=Variates(image, text, correlations),
            trust=trust,
            references=self.references,
            caption_ids=torch.as_tensor(inputs.caption_ids, device=trust.device),
            image_ids=torch.as_tensor(inputs.image_ids, device=trust.device),
            labels=inputs.labels,
            class_probabilities=class_probabilities,
            model_similarity=model_similarity,
        )


def _calibrated(image: Tensor, text: Tensor, trust: Tensor) -> float:
    """The logit scale at which the pairs' contrastive loss is least: neither over- nor underconfident."""
    # evenly over the fold: tables are often sorted by class
    some = torch.linspace(0, len(image) - 1, min(len(image), MOST_FOR_CALIBRATION), device=image.device).long()
    similarity, trust = text[some] @ image[some].T, trust[some]
    return min(LOGIT_SCALES.tolist(), key=lambda scale: float((_losses(scale * similarity) * trust).sum()))


def _losses(logits: Tensor) -> Tensor:
    return 0.5 * (logits.logsumexp(0) + logits.logsumexp(1)) - logits.diagonal()
