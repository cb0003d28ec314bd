"""LEMoN: does the caption fit the captions of similar pictures, and the picture the pictures of similar captions?

Source: Zhang et al., "LEMoN: Label Error Detection using Multimodal Neighbors" (ICML 2025), its authors' fixed setting.
With the cosine distance d, x the candidate's image, y its caption, and the k = 30 pairs (x_j, y_j) nearest to either,

    image side  s_x = mean_j d(y, y_j) e^{−τ1 d(x, x_j)} e^{−τ2 d(x_j, y_j)}    over the image neighbours j of x
    text side   s_y = mean_j d(x, x_j) e^{−τ1 d(y, y_j)} e^{−τ2 d(x_j, y_j)}    over the text neighbours j of y
    LEMoN       d(x, y) + β s_x + γ s_y,    β = γ = 5, τ1 = 0.1, τ2 = 5

The last factor trusts neighbours that match themselves. Higher is more suspect; no unit. Cost: the neighbours (see
`neighbours`), then O(candidates · k · embed_dim). A million pairs of 128 dimensions: 1.3 GiB beside the features; on
one core 8 minutes once and 1.1 ms a candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.signals.interface import Candidates
from engine.signals.neighbours import FLOATS_AT_ONCE, Neighbours

BETA, GAMMA = 5.0, 5.0
TAU_NEAR, TAU_MATCH = 0.1, 5.0


class LemonImage:
    """How far the caption is from the captions of the nearest images: s_x."""

    name = "lemon_image"
    sign = 1

    def __call__(self, candidates: Candidates) -> Tensor:
        """s_x of each candidate, `[candidates]`, 0 … 2; NaN where there is no other pair."""
        space = candidates.space
        captions = space.text[candidates.texts]
        return _side(captions, space.text, candidates.image_neighbours, space.image, space.text)


class LemonText:
    """How far the image is from the images of the nearest captions: s_y."""

    name = "lemon_text"
    sign = 1

    def __call__(self, candidates: Candidates) -> Tensor:
        """s_y of each candidate, `[candidates]`, 0 … 2; NaN where there is no other pair."""
        space = candidates.space
        images = space.image[candidates.images]
        return _side(images, space.image, candidates.text_neighbours, space.image, space.text)


class Lemon:
    """The sum of distance, image side and text side."""

    name = "lemon"
    sign = 1

    def __call__(self, candidates: Candidates) -> Tensor:
        """LEMoN of each candidate, `[candidates]`, 0 … 22; NaN where there is no other pair."""
        distance = 1 - candidates.similarity
        return distance + BETA * LemonImage()(candidates) + GAMMA * LemonText()(candidates)


def _side(rows: Tensor, others: Tensor, neighbours: Neighbours, image: Tensor, text: Tensor) -> Tensor:
    """Mean distance of each row to its neighbours' `others`, weighted by how near and how well matched those are."""
    num_neighbours = neighbours.positions.shape[1]
    at_once = max(1, FLOATS_AT_ONCE // (num_neighbours * rows.shape[1]))
    found = []
    pieces = (rows, neighbours.positions, neighbours.similarity)
    for some, positions, similarity in zip(*(piece.split(at_once) for piece in pieces), strict=True):
        distance = 1 - torch.einsum("rd,rnd->rn", some, others[positions])
        mismatch = 1 - (image[positions] * text[positions]).sum(2)
        weight = torch.exp(-TAU_NEAR * (1 - similarity) - TAU_MATCH * mismatch)
        found.append((distance * weight).masked_fill(similarity.isinf(), float("nan")).mean(1))
    return torch.cat(found)
