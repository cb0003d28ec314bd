"""The space of one fold: heads fitted without it and without what is suspect so far, calibrated on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from engine.crossfit.canonical import CanonicalHeads, Moments, fit_canonical, held_out_correlations
from engine.crossfit.inputs import PairInputs
from engine.feature_rows import chunks_of
from engine.signals.interface import Space, Variates

Similarities = Callable[[Tensor, Tensor], Tensor]
LOGIT_SCALES = np.geomspace(5.0, 100.0, 14)
MOST_FOR_CALIBRATION = 1024


@dataclass(frozen=True)
class FoldFitter:
    """Fits heads for the folds of the same pairs."""

    inputs: PairInputs
    folds: np.ndarray
    """fold of each pair, `[pairs]`"""

    def rows(self, fold: int) -> Tensor:
        """Positions of the fold's pairs."""
        return torch.as_tensor(np.flatnonzero(self.folds == fold), device=self.inputs.image.device)

    def moments(self, inputs: PairInputs, trust: Tensor) -> list[Moments]:
        """Of each fold's pairs, weighted by their trust, `[pairs]`; one pass over the features.

        Args:
            inputs: the same pairs, as a model may see them.
            trust: probability so far that each pair is right.
        """
        found: list[Moments | None] = [None] * (int(self.folds.max()) + 1)
        for part in chunks_of(len(inputs)):
            image, text = inputs.image[part], inputs.text[part]
            here = torch.as_tensor(self.folds[part], device=image.device)
            for fold in here.unique().tolist():
                some = here == fold
                moments = Moments.of(image[some], text[some], trust[part][some])
                found[fold] = moments if found[fold] is None else found[fold] + moments
        return found

    def model(self, fold: int, inputs: PairInputs, moments: list[Moments], trust: Tensor) -> FoldModel:
        """Heads of the other folds, calibrated on this one.

        Args:
            fold: that is to be scored.
            inputs: the same pairs as a model sees them that has not seen the fold.
            moments: of all folds of these inputs.
            trust: probability so far that each pair is right, `[pairs]`.
        """
        others = _without(fold, moments)
        if not others.weight:  # where everything is suspect, nothing can be left out
            others = _without(fold, self.moments(inputs, torch.ones_like(trust)))
        heads = fit_canonical(others, trust)
        rows = self.rows(fold)
        # evenly over the fold: tables are often sorted by class
        some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), MOST_FOR_CALIBRATION), device=rows.device).long()]
        image, text = heads.image_variates(inputs.image[some]), heads.text_variates(inputs.text[some])
        scale = _calibrated(normalize(image * heads.head_scale), normalize(text * heads.head_scale), trust[some])
        return FoldModel(inputs, heads, held_out_correlations(heads, moments[fold]), scale)


@dataclass(frozen=True)
class FoldModel:
    """What a fold is scored by."""

    inputs: PairInputs
    heads: CanonicalHeads
    """fitted without the fold"""
    correlations: Tensor
    """of the fold's pairs, `[variates]`"""
    logit_scale: float
    """calibrated on the fold's pairs"""

    def space(
        self,
        pairs: Tensor,
        references: Tensor,
        trust: Tensor,
        class_probabilities: np.ndarray | None,
        model_similarity: Similarities | None,
    ) -> Space:
        """Some pairs as these heads see them.

        Args:
            pairs: their positions, `[pairs of the space]`.
            references: see `Space`; positions among `pairs`.
            trust: probability so far that each pair is right, of all pairs.
            class_probabilities: see `Space`.
            model_similarity: see `Space`.
        """
        inputs, heads, rows = self.inputs, self.heads, pairs.cpu().numpy()
        image, text = heads.image_variates(inputs.image[pairs]), heads.text_variates(inputs.text[pairs])
        return Space(
            image=normalize(image * heads.head_scale),
            text=normalize(text * heads.head_scale),
            logit_scale=self.logit_scale,
            variates=Variates(image, text, self.correlations),
            trust=trust[pairs],
            references=references,
            caption_ids=torch.as_tensor(inputs.caption_ids[rows], device=trust.device),
            image_ids=torch.as_tensor(inputs.image_ids[rows], device=trust.device),
            labels=inputs.labels[rows],
            class_probabilities=class_probabilities,
            model_similarity=model_similarity,
        )


def _without(fold: int, moments: list[Moments]) -> Moments:
    others = [one for number, one in enumerate(moments) if number != fold]
    return sum(others[1:], start=others[0])


def _calibrated(image: Tensor, text: Tensor, trust: Tensor) -> float:
    """The logit scale at which the pairs' contrastive loss is least: neither over- nor underconfident."""
    similarity = text @ image.T
    return min(LOGIT_SCALES.tolist(), key=lambda scale: float((_losses(scale * similarity) * trust).sum()))


def _losses(logits: Tensor) -> Tensor:
    return 0.5 * (logits.logsumexp(0) + logits.logsumexp(1)) - logits.diagonal()
