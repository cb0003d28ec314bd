"""The `Signal` seam: one number per candidate pair, from features that did not train on it.

A candidate is the image of one pair with the caption of one pair; of the data set's own pairs both are the same. Pairs
made wrong on purpose, suggested captions and planted errors are candidates too, so one formula serves them all. The
other pairs are the references: a candidate is never compared with the two pairs that it is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.signals.neighbours import NeighbourIndex, Neighbours

LEAST_TRUST = 1e-6
NUM_NEIGHBOURS = 30
"""of LEMoN (its authors' fixed setting) and of the losses among neighbours"""


@dataclass(frozen=True)
class Variates:
    """Canonical variates: coordinates in which image and caption of a right pair correlate one by one."""

    image: Tensor
    """`[pairs, variates]`, unit variance"""
    text: Tensor
    """`[pairs, variates]`, unit variance"""
    correlations: Tensor
    """of matched pairs that were not fitted, `[variates]`, from 0 to below 1"""


@dataclass(frozen=True)
class Space:
    """What one model says of all pairs, and what else signals may use."""

    image: Tensor
    """unit image features, `[pairs, embed_dim]`"""
    text: Tensor
    """unit text features of the captions, `[pairs, embed_dim]`"""
    logit_scale: float
    """multiplier of the similarities, calibrated on pairs that were not fitted"""
    variates: Variates
    trust: Tensor
    """how far each pair counts as a reference, `[pairs]`, 0 … 1: its probability of being right, so far"""
    references: Tensor
    """positions of the pairs that candidates compete with in losses; all pairs, or a random part of very many"""
    caption_ids: Tensor
    """`[pairs]`; pairs with the same caption share one and are no wrong answers for each other"""
    image_ids: Tensor
    """`[pairs]`; the same for pictures"""
    labels: np.ndarray
    """class of each pair's caption, `[pairs]`; −1 without one"""
    class_probabilities: np.ndarray | None
    """of each image by a classifier that was not fitted to it, `[pairs, classes]`; None without labels"""
    model_similarity: Callable[[Tensor, Tensor], Tensor] | None = None
    """cosine of images and captions (positions, `[candidates]` each) in the model itself; None if it has learned these
    very pairs"""

    @cached_property
    def image_index(self) -> NeighbourIndex:
        """Nearest images of all pairs."""
        return NeighbourIndex(self.image)

    @cached_property
    def text_index(self) -> NeighbourIndex:
        """Nearest captions of all pairs."""
        return NeighbourIndex(self.text)


@dataclass(frozen=True)
class Candidates:
    """Some candidates in a space; what several signals need is computed once. `[candidates]` fits into memory."""

    space: Space
    images: Tensor
    """position of the pair that gives the image, `[candidates]`"""
    texts: Tensor
    """position of the pair that gives the caption, `[candidates]`"""

    @cached_property
    def similarity(self) -> Tensor:
        """Cosine of image and caption, `[candidates]`."""
        return (self.space.image[self.images] * self.space.text[self.texts]).sum(1)

    @cached_property
    def other_captions(self) -> Tensor:
        """Cosine of the candidate's image and the references' captions, `[candidates, references]`."""
        return self.space.image[self.images] @ self.space.text[self.space.references].T

    @cached_property
    def other_images(self) -> Tensor:
        """Cosine of the candidate's caption and the references' images, `[candidates, references]`."""
        return self.space.text[self.texts] @ self.space.image[self.space.references].T

    @cached_property
    def image_neighbours(self) -> Neighbours:
        """Pairs whose images are nearest to the candidate's image, without its own two pairs."""
        return self.space.image_index.nearest(self.space.image[self.images], NUM_NEIGHBOURS, self.own)

    @cached_property
    def text_neighbours(self) -> Neighbours:
        """Pairs whose captions are nearest to the candidate's caption, without its own two pairs."""
        return self.space.text_index.nearest(self.space.text[self.texts], NUM_NEIGHBOURS, self.own)

    @cached_property
    def own(self) -> Tensor:
        """The two pairs that each candidate is made of, `[candidates, 2]`."""
        return torch.stack([self.images, self.texts], 1)

    @cached_property
    def log_rivalry(self) -> Tensor:
        """Log of how far each reference is a wrong answer for the candidate, `[candidates, references]`.

        The log of its trust; −inf for the candidate's own two pairs, and for references with the same picture or the
        same caption. Other pairs with the caption that the candidate's image had before it was made wrong do compete,
        as they do for a pair that came wrong.
        """
        space, refs = self.space, self.space.references
        same = torch.zeros(len(self.images), len(refs), dtype=torch.bool, device=refs.device)
        for mine, theirs in (
            (space.caption_ids[self.texts], space.caption_ids[refs]),
            (space.image_ids[self.images], space.image_ids[refs]),
            (self.images, refs),
            (self.texts, refs),
        ):
            same |= mine[:, None] == theirs
        return space.trust[refs].clamp(min=LEAST_TRUST).log().expand(same.shape).masked_fill(same, float("-inf"))


class Signal(Protocol):
    """One way to suspect a pair."""

    name: str
    """the column in signals.parquet"""
    sign: int
    """1 if higher is more suspect, −1 if lower is"""

    def __call__(self, candidates: Candidates) -> Tensor:
        """The signal of each candidate, `[candidates]`, in the unit its docstring names; NaN where it says nothing."""
