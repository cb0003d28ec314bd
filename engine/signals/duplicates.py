"""Duplicates that pictures' hashes miss, and captions that disagree with those of the same picture.

Two images are taken for copies if the cosine of their centred penultimate features is at least `MIN_SIMILARITY` and
their difference hashes do not contradict it: cropped, greyed or recoloured copies, which a hash alone does not confirm.
Among 6,999 photographs of Flickr8k only a true copy exceeds it (1.0; the next pair .88). Of the sample's 34 planted
copies features alone find 32, and with the hashes' consent 6 pairs of scenes that are nearly the same. Cost: nearest
neighbours of all images, see `neighbours`; above its `EXACT_UP_TO` images, hashing, see `near_copies`.

    caption conflict of pair n = 1 − mean_m u_n·u_m        m over the other pairs with the same picture, u captions

Where a picture stands under several captions, the one that is about something else has a high conflict. Higher is more
suspect, 0 … 2. Cost O(pairs · embed_dim).
"""

from __future__ import annotations

import numpy as np
import torch

from engine.feature_rows import Rows, chunks_of
from engine.pairs.duplicates import may_be_copies
from engine.signals.near_copies import near_copies
from engine.signals.neighbours import EXACT_UP_TO, NeighbourIndex

MIN_SIMILARITY = 0.98
NUM_NEIGHBOURS = 5
"""looked at for each image: enough to connect all copies of one"""
ROWS_AT_ONCE = 2**16
GROUPS_AT_ONCE = 2**13


def feature_matches(image_features: Rows, perceptual_hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose images are copies of each other by their features.

    Args:
        image_features: penultimate features of the images, `[pairs, dim]`, any scale.
        perceptual_hashes: of the images, `[pairs]`, as `engine.pairs.fingerprint` writes them; None or empty without.

    Returns:
        Positions of the two pairs of each match, the smaller first, each match once.
    """
    if len(image_features) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    find = _by_neighbours if len(image_features) <= EXACT_UP_TO else near_copies
    left, right = find(image_features, MIN_SIMILARITY)
    agreed = may_be_copies(perceptual_hashes, left, right)
    return left[agreed], right[agreed]


def _by_neighbours(features: Rows, least_similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """As `near_copies`, all of them."""
    features = features[:]
    centred = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    index, matches = NeighbourIndex(centred), []
    for own in torch.arange(len(centred), device=centred.device).split(ROWS_AT_ONCE):
        found = index.nearest(centred[own], NUM_NEIGHBOURS, own[:, None])
        row, column = (found.similarity >= least_similarity).nonzero(as_tuple=True)
        matches.append(torch.stack([own[row], found.positions[row, column]], 1).sort(1).values)
    left, right = torch.cat(matches).unique(dim=0).T.cpu().numpy()
    return left, right


def caption_conflicts(groups: np.ndarray, text: Rows) -> np.ndarray:
    """How far each caption is from the other captions of its picture.

    Args:
        groups: which pairs show the same picture, `[pairs]`; −1: no other.
        text: unit text features, `[pairs, embed_dim]`.

    Returns:
        Mean cosine distance to the group's other captions, `[pairs]`; NaN without another one.
    """
    found = np.full(len(groups), np.nan)
    shared = np.flatnonzero(groups >= 0)
    shared = shared[np.argsort(groups[shared], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[shared], prepend=-1))  # where in `shared` each group begins
    sizes = np.diff(starts, append=len(shared))
    for part in chunks_of(len(starts), GROUPS_AT_ONCE):
        some = shared[starts[part][0] : starts[part][-1] + sizes[part][-1]]
        own = text[torch.from_numpy(some)]
        group = torch.from_numpy(np.repeat(np.arange(len(starts[part])), sizes[part])).to(own.device)
        total = own.new_zeros(len(starts[part]), own.shape[1]).index_add_(0, group, own)
        size = torch.from_numpy(sizes[part]).to(own.device)[group]
        mean = (own * (total[group] - own)).sum(1) / (size - 1)
        found[some] = torch.where(size > 1, (1 - mean).clamp(min=0), float("nan")).cpu().numpy()
    return found
