"""Captions that fit a picture, found by heads that were fitted without it.

    fit(x, y') = ½ [s cos(x, y') + A(x, y')] − ½ [s cos(x, y) + A(x, y)]                          [nats]

s the calibrated logit scale, A the association (`engine.signals.association`), y the caption that the picture has: how
much better y' fits, by both. Cost: a product of the pictures asked about with all candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from engine.crossfit.detect import CrossFitOptions, folds_of
from engine.crossfit.inputs import PairInputs
from engine.crossfit.spaces import FoldFitter
from engine.signals.association import association_table
from engine.signals.interface import Space

FLOATS_AT_ONCE = 2**24


@dataclass(frozen=True)
class FittingCaptions:
    """The best-fitting candidates of each pair asked about, the best first."""

    candidates: Tensor
    """rows of the candidates, `[asked, kept]`"""
    fit: Tensor
    """nats, `[asked, kept]`; > 0 fits better than the pair's own caption, −inf for that caption itself"""


def fitting_captions(
    inputs: PairInputs, text: Tensor, own: Tensor, trust: Tensor, pairs: Tensor, keep: int, seed: int, num_folds: int
) -> FittingCaptions:
    """Candidates that fit best, for some pairs.

    Args:
        inputs: all training pairs.
        text: penultimate text features of the candidates, `[candidates, text_dim]`.
        own: the candidate that is each pair's own caption, −1 if none is, `[pairs]`.
        trust: probability of being right, by which pairs count in the fit of the heads, `[pairs]`.
        pairs: positions of the pairs asked about, `[asked]`.
        keep: how many candidates for each; fewer where there are fewer.
        seed: of the folds.
        num_folds: parts of the pairs; each is scored by heads of the others.
    """
    folds = folds_of(inputs, CrossFitOptions(num_folds), seed)
    fitter = FoldFitter(inputs, lambda fold: inputs, folds, torch.arange(len(inputs), device=pairs.device))
    keep = min(keep, len(text))
    candidates, fit = pairs.new_zeros(len(pairs), keep), text.new_zeros(len(pairs), keep)
    of_asked = torch.as_tensor(folds[pairs.cpu().numpy()], device=pairs.device)
    for fold in of_asked.unique().tolist():
        heads = fitter.heads(fold, inputs, trust)
        space = fitter.space(fold, inputs, heads, trust, None, None)
        variates = heads.text_variates(text)
        units = normalize(variates * heads.head_scale)
        for asked in (of_asked == fold).nonzero()[:, 0].split(max(1, FLOATS_AT_ONCE // len(text))):
            found = _fits(space, pairs[asked], units, variates)
            has_own = (own[pairs[asked]] >= 0).nonzero()[:, 0]
            found[has_own, own[pairs[asked]][has_own]] = float("-inf")
            best = found.topk(keep, 1)
            candidates[asked], fit[asked] = best.indices, best.values
    return FittingCaptions(candidates, fit)


def _fits(space: Space, rows: Tensor, units: Tensor, variates: Tensor) -> Tensor:
    """`[rows, candidates]`, nats beyond the pair's own caption."""
    image, text = space.variates.image[rows], space.variates.text[rows]
    scores = space.logit_scale * (space.image[rows] @ units.T) + association_table(space.variates, image, variates)
    own_similarity = (space.image[rows] * space.text[rows]).sum(1)
    own = space.logit_scale * own_similarity + association_table(space.variates, image, text).diagonal()
    return 0.5 * (scores - own[:, None])


def distinct_captions(captions: tuple[str, ...], usable: np.ndarray) -> dict[str, int]:
    """Each usable caption once, with the position of the first pair that has it."""
    found: dict[str, int] = {}
    for position in np.flatnonzero(usable).tolist():
        found.setdefault(captions[position], position)
    return found
