"""Pairs made wrong on purpose: what a wrong pair of this very data set looks like to every signal, without any label.

The image was unseen by the model, as those of the data set's own pairs were, and so was the caption; only near captions
may come from pairs that were seen.
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
CONFUSED = "confused"
"""the caption of a class that the image's class seems to be confused with in this data set"""
NUM_NEAR = 10
LEAST_CAPTIONS = 100
"""different captions from which on some are near"""
TRIES = 20


def kinds_for(space: Space) -> tuple[str, ...]:
    """What can be made wrong in this data set."""
    kinds = [ELSEWHERE]
    if space.class_probabilities is not None:
        kinds.append(CONFUSED)
    if len(space.caption_ids.unique()) >= LEAST_CAPTIONS:
        kinds.append(NEAR)
    return tuple(kinds)


def wrong_captions(space: Space, rows: Tensor, kind: str, generator: np.random.Generator) -> Candidates:
    """The images of some pairs with captions of other pairs.

    Args:
        space: that has not seen `rows`.
        rows: positions of the images, `[rows]`.
        kind: `ELSEWHERE`: captions of other pairs of `rows`; `NEAR`: of the pairs with the nearest captions;
            `CONFUSED`: of pairs of the classes that the image's class is confused with.
        generator: of the choice.

    Returns:
        At most `[rows]` candidates; an image for which no caption with another text was found is left out.
    """
    choose = {ELSEWHERE: _elsewhere, NEAR: _near, CONFUSED: _confused}[kind]
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


def _confused(space: Space, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A pair of a class drawn by how often the image's class is called so; the pair itself without a label."""
    labels, chances = space.labels, confusions(space.labels, space.class_probabilities)
    texts = images.copy()
    for own in np.unique(labels[images]):
        if own < 0 or not chances[own].any():
            continue
        some = np.flatnonzero(labels[images] == own)
        drawn = generator.choice(len(chances), len(some), p=chances[own])
        for other in np.unique(drawn):
            unseen = images[labels[images] == other]
            members = unseen if len(unseen) else np.flatnonzero(labels == other)
            chosen = some[drawn == other]
            texts[chosen] = generator.choice(members, len(chosen))
    return texts


def confusions(labels: np.ndarray, class_probabilities: np.ndarray) -> np.ndarray:
    """How a class is called when it is called wrongly, by confident learning (Northcutt et al. 2021).

    Args:
        labels: the class that each pair's caption names, `[pairs]`; −1 without one.
        class_probabilities: of each image, not fitted to it, `[pairs, classes]`; NaN for classes never fitted.

    Returns:
        `[classes, names]`, rows sum to 1, 0 on the diagonal; a class that is never confused is called anything that is
        a caption's class. Rows are 0 where there is no other class.
    """
    from cleanlab.count import compute_confident_joint

    num_classes = class_probabilities.shape[1]
    present = np.unique(labels[labels >= 0])
    known = (labels >= 0) & np.isfinite(class_probabilities[:, present]).all(1)
    found = np.zeros((num_classes, num_classes))
    place = np.searchsorted(present, labels[known])
    if len(np.unique(place)) == len(present) > 1:
        joint = compute_confident_joint(place, class_probabilities[known][:, present], calibrate=False)
        found[np.ix_(present, present)] = joint.T  # [true, given]
    np.fill_diagonal(found, 0.0)
    for own in range(num_classes):
        if not found[own].any():
            found[own, present[present != own]] = 1.0
    return found / np.maximum(found.sum(1, keepdims=True), 1e-12)
