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

from engine.crossfit.canonical import CanonicalHeads
from engine.crossfit.detect import CrossFitOptions, folds_of
from engine.crossfit.inputs import PairInputs
from engine.crossfit.spaces import FoldFitter
from engine.feature_rows import Rows, chunks_of
from engine.signals.association import association_table, paired_association
from engine.signals.interface import Space

FLOATS_AT_ONCE = 2**22


@dataclass(frozen=True)
class FittingCaptions:
    """The best-fitting candidates of each pair asked about, the best first."""

    candidates: Tensor
    """rows of the candidates, `[asked, kept]`"""
    fit: Tensor
    """nats, `[asked, kept]`; > 0 fits better than the pair's own caption, −inf for that caption itself"""


def fitting_captions(
    inputs: PairInputs, text: Rows, own: Tensor, trust: Tensor, pairs: Tensor, keep: int, seed: int, num_folds: int
) -> FittingCaptions:
    """Candidates that fit best, for some pairs.

    Args:
        inputs: all training pairs.
        text: penultimate text features of the candidates, `[candidates, text_dim]`; some are looked at at a time.
        own: the candidate that is each pair's own caption, −1 if none is, `[pairs]`.
        trust: probability of being right, by which pairs count in the fit of the heads, `[pairs]`.
        pairs: positions of the pairs asked about, `[asked]`.
        keep: how many candidates for each; fewer where there are fewer.
        seed: of the folds.
        num_folds: parts of the pairs; each is scored by heads of the others.
    """
    fitter = FoldFitter(inputs, folds_of(inputs, CrossFitOptions(num_folds), seed))
    keep, moments = min(keep, len(text)), fitter.moments(inputs, trust)
    candidates, fit = pairs.new_zeros(len(pairs), keep), trust.new_zeros(len(pairs), keep)
    of_asked = torch.as_tensor(fitter.folds[pairs.cpu().numpy()], device=pairs.device)
    for fold in of_asked.unique().tolist():
        model, asked = fitter.model(fold, inputs, moments, trust), (of_asked == fold).nonzero()[:, 0]
        none = asked[:0]
        space = model.space(pairs[asked], none, trust, None, None)
        found = _best(space, own[pairs[asked]], model.heads, text, keep)
        candidates[asked], fit[asked] = found.candidates, found.fit
    return FittingCaptions(candidates, fit)


def _best(space: Space, own: Tensor, heads: CanonicalHeads, text: Rows, keep: int) -> FittingCaptions:
    """Of all pairs of a space; `own` as for `fitting_captions`, of these."""
    best_fit = space.image.new_full((len(own), keep), float("-inf"))
    best = own.new_zeros(len(own), keep)
    for part in chunks_of(len(text), max(keep, FLOATS_AT_ONCE // max(1, len(own)))):
        variates = heads.text_variates(text[part])
        fits = _fits(space, normalize(variates * heads.head_scale), variates)
        mine = ((own >= part.start) & (own < part.stop)).nonzero()[:, 0]
        fits[mine, own[mine] - part.start] = float("-inf")
        some = fits.topk(min(keep, fits.shape[1]), 1)
        both, where = torch.cat([best_fit, some.values], 1), torch.cat([best, some.indices + part.start], 1)
        best_fit, order = both.topk(keep, 1)
        best = where.gather(1, order)
    return FittingCaptions(best, best_fit)


def _fits(space: Space, units: Tensor, variates: Tensor) -> Tensor:
    """`[pairs of the space, candidates]`, nats beyond the pair's own caption."""
    image, text = space.variates.image, space.variates.text
    scores = space.logit_scale * (space.image @ units.T) + association_table(space.variates, image, variates)
    own = space.logit_scale * (space.image * space.text).sum(1) + paired_association(space.variates, image, text)
    return 0.5 * (scores - own[:, None])


def distinct_captions(captions: tuple[str, ...], usable: np.ndarray) -> dict[str, int]:
    """Each usable caption once, with the position of the first pair that has it."""
    found: dict[str, int] = {}
    for position in np.flatnonzero(usable).tolist():
        found.setdefault(captions[position], position)
    return found
