"""Pairs made wrong on purpose: what a wrong pair of this very data set looks like to every signal, without any label.

Both halves of such a candidate were unseen by the model, as those of the data set's own pairs were.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.signals.interface import Candidates, Space

ELSEWHERE = "elsewhere"
"""the caption of a random other pair"""
NEAR = "near"
"""one of the nearest other captions"""
NUM_NEAR = 10
TRIES = 20


def wrong_captions(space: Space, rows: Tensor, kind: str, generator: np.random.Generator) -> Candidates:
    """The images of some pairs with captions of other pairs.

    Args:
        space: that has not seen `rows`.
        rows: positions of the images, `[rows]`.
        kind: `ELSEWHERE`: captions of other pairs of `rows`; `NEAR`: of the pairs with the nearest captions.
        generator: of the choice.

    Returns:
        At most `[rows]` candidates; an image for which no caption with another text was found is left out.
    """
    choose = {ELSEWHERE: _elsewhere, NEAR: _near}[kind]
    images = rows.cpu().numpy()
    texts = torch.as_tensor(choose(space, images, generator)).to(rows)
    is_wrong = (space.caption_ids[texts] != space.caption_ids[rows]) & (space.image_ids[texts] != space.image_ids[rows])
    return Candidates(space, rows[is_wrong], texts[is_wrong])


def _elsewhere(space: Space, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random pair of the same rows for each, drawn again while it has the same caption."""
    captions = space.caption_ids.cpu().numpy()
    texts = generator.choice(images, len(images))
    for _ in range(TRIES):
        same = captions[texts] == captions[images]
        texts[same] = generator.choice(images, int(same.sum()))
    return texts


def _near(space: Space, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One of the `NUM_NEAR` nearest captions with another text; the pair itself where all the nearest are the same."""
    rows = torch.as_tensor(images, device=space.text.device)
    alike = space.text_index.nearest(space.text[rows], 3 * NUM_NEAR, rows[:, None])
    differs = (space.caption_ids[alike.positions] != space.caption_ids[rows][:, None]).cpu().numpy()
    among = differs & (differs.cumsum(1) <= NUM_NEAR)
    chosen = np.where(among, generator.random(among.shape), -1.0).argmax(1)
    found = alike.positions.cpu().numpy()[np.arange(len(images)), chosen]
    return np.where(among.any(1), found, images)
