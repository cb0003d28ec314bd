"""The map of a run: every training pair as a point in the plane, once by its picture and once by its caption.

Unit features of the model as studied → principal components → t-SNE (van der Maaten and Hinton 2008, Barnes–Hut) of at
most `LANDMARKS` seeded pairs. Everybody else stands beside its nearest landmark, on the side of the next ones. Pairs
with equal features would be one point: they stand side by side in a small disc instead. What is near on the map is
mostly near in the features; what is far apart may be far or not: distances between clusters say nothing.

Cost: t-SNE of the landmarks, then O(pairs · landmarks · COMPONENTS) in bounded memory. One thread draws the landmarks,
so that the same features give the same map. The record of a run has the seconds.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits
from torch import Tensor

from engine.signals.copies import Copies, copies

LANDMARKS = 2500
COMPONENTS = 30
PERPLEXITY, ITERATIONS, ANGLE = 30, 400, 0.8
"""of t-SNE: on the sample more iterations and a finer angle kept no more neighbours"""
LEAST_LANDMARKS = 5
"""below that many different pairs principal components are the map"""
NEAREST = 3
"""landmarks that place a pair, each with the weight distance⁻⁴"""
REACH = 0.75
ROWS_AT_ONCE = 4096
DISC_SHARE = 0.1
"""of the map's square (area 4) that all pairs would cover if they were equal"""
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def map_positions(features: Tensor, seed: int = 0, num_landmarks: int = LANDMARKS) -> np.ndarray:
    """Where each pair stands on the map.

    Args:
        features: unit features, `[pairs, embed_dim]`.
        seed: of the choice of landmarks.
        num_landmarks: at most so many pairs are drawn by t-SNE itself.

    Returns:
        `[pairs, 2]`, float32, within −1 … 1, with the centre of the map at 0.
    """
    groups = copies(features)
    distinct = groups.representatives
    chosen = np.sort(np.random.default_rng(seed).permutation(len(distinct))[:num_landmarks])
    if len(distinct) == 1:
        return _within_square(_discs(groups)).astype(np.float32)
    with threadpool_limits(1):
        components = _components(features, distinct, chosen)
        landmarks = components[chosen]
        placed = _placed(components, landmarks, _draw(landmarks, seed))
    return _within_square(_within_square(placed)[_group_of_each(groups)] + _discs(groups)).astype(np.float32)


def _components(features: Tensor, distinct: Tensor, chosen: np.ndarray) -> np.ndarray:
    """Principal components of the different rows, fitted to the chosen ones, `[groups, components]`."""
    fitted = PCA(min(COMPONENTS, len(chosen), features.shape[1]), random_state=0)
    fitted.fit(_single(features[distinct[torch.from_numpy(chosen).to(distinct.device)]]))
    return np.concatenate([fitted.transform(_single(features[some])) for some in distinct.split(ROWS_AT_ONCE)])


def _draw(landmarks: np.ndarray, seed: int) -> np.ndarray:
    """The landmarks in the plane, `[landmarks, 2]`."""
    if len(landmarks) < LEAST_LANDMARKS:
        plane = np.zeros((len(landmarks), 2), np.float32)
        plane[:, : landmarks.shape[1]] = landmarks[:, :2]
        return plane
    perplexity = min(PERPLEXITY, (len(landmarks) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=ITERATIONS, angle=ANGLE, init="pca", random_state=seed)
    return tsne.fit_transform(landmarks)


def _placed(components: np.ndarray, landmarks: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Every different row beside its nearest landmark; a landmark where it was drawn, `[groups, 2]`.

    A row is drawn towards the next landmarks, but no further than `REACH` of the way to the nearest point of the map:
    halfway between two clusters it would be near nothing that is like it.
    """
    count, lengths = min(NEAREST, len(landmarks)), (landmarks**2).sum(1)
    reach = REACH * _distance_to_nearest(drawn)
    found = []
    for start in range(0, len(components), ROWS_AT_ONCE):
        rows = components[start : start + ROWS_AT_ONCE]
        squared = np.maximum((rows**2).sum(1)[:, None] + lengths - 2 * rows @ landmarks.T, 0)
        nearest = np.argpartition(squared, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(squared, nearest, axis=1).astype(np.float64)
        weights = 1 / np.maximum(near, 1e-9) ** 2
        weights /= weights.sum(1, keepdims=True)
        first = np.take_along_axis(nearest, near.argmin(1)[:, None], axis=1)[:, 0]
        shift = (weights[:, :, None] * drawn[nearest]).sum(1) - drawn[first]
        length = np.linalg.norm(shift, axis=1)
        shift *= np.minimum(1, reach[first] / np.maximum(length, 1e-12))[:, None]
        found.append(drawn[first] + shift)
    return np.concatenate(found)


def _distance_to_nearest(points: np.ndarray) -> np.ndarray:
    """How far each point of the map is from the nearest other one, `[points]`."""
    return NearestNeighbors(n_neighbors=1).fit(points).kneighbors()[0][:, 0]


def _within_square(points: np.ndarray) -> np.ndarray:
    """Moved and scaled, the same in both directions, to lie within −1 … 1."""
    low, high = points.min(0), points.max(0)
    return (points - (low + high) / 2) / (float((high - low).max()) / 2 or 1.0)


def _group_of_each(groups: Copies) -> np.ndarray:
    """Number of the group of equal rows that each pair is in, `[pairs]`."""
    found = np.empty(len(groups.order), np.int64)
    found[groups.order.cpu().numpy()] = np.repeat(np.arange(len(groups.sizes)), groups.sizes.cpu().numpy())
    return found


def _discs(groups: Copies) -> np.ndarray:
    """How far each pair stands from the first of its group, `[pairs, 2]`: a sunflower that grows with the group."""
    order, starts, sizes = (one.cpu().numpy() for one in (groups.order, groups.starts, groups.sizes))
    number = np.arange(len(order)) - np.repeat(starts, sizes)
    radius = np.sqrt(4 * DISC_SHARE / np.pi * number / len(order))
    shift = np.empty((len(order), 2))
    shift[order] = np.stack([radius * np.cos(number * GOLDEN_ANGLE), radius * np.sin(number * GOLDEN_ANGLE)], 1)
    return shift


def _single(rows: Tensor) -> np.ndarray:
    return rows.detach().to("cpu", torch.float32).numpy()
