"""Influence of pairs on validation, by heads that were fitted without them.

In sample, a model defends the wrong pairs that it has learned. Here a pair is asked at heads of the other folds: what
would one gradient step on it do to the validation loss (H = I), by both roles, in batches of the fold's own pairs, at
the calibrated temperature (left out of the direction, which it would swamp). Beside the mean over all
validation pairs stands the influence on *related* ones: validation pairs are clustered, and clusters count by how near
they are to the pair's image and caption. Relative: divided by ‖∇R_n‖, which is self-influence with H = I.

Cost: one gradient per cluster, and directional passes for 1 + clusters + sketches over the fold.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from engine.batches import consecutive_batches, seeded_segmentations
from engine.contrastive import ClipLoss
from engine.crossfit.canonical import CanonicalHeads
from engine.crossfit.inputs import PairInputs
from engine.curvature.inverse import IdentityCurvature
from engine.directional import HeadsFeatureMap
from engine.influence.relative import parameter_changes, relative_influence
from engine.influence.scores import segmented_scores
from engine.models.interface import Heads
from engine.objective import summed_loss

BATCH_SIZE = 256
SKETCHES = 16
CLUSTERS = 8
SHARPNESS = 5.0
"""of the weights of clusters: exp(sharpness × cosine)"""
LEAST_VALIDATION, MOST_VALIDATION = 16 * CLUSTERS, 10_000
"""validation pairs that are asked; more would not make their mean any surer than scores are"""
SIGNS = {
    "unseen_influence": -1,
    "unseen_influence_positive": -1,
    "unseen_influence_negative": -1,
    "unseen_influence_related": -1,
    "unseen_relative_influence": -1,
    "unseen_self_influence": 1,
}
"""columns and the sign that makes higher mean more suspect"""


@dataclass(frozen=True)
class ValidationQueries:
    """What is asked at one fold's heads: the mean loss of all validation pairs, and that of each cluster of them."""

    heads: CanonicalHeads
    logit_scale: float
    """calibrated multiplier of similarities"""
    gradients: Tensor
    """of all validation pairs, then of each cluster, `[1 + clusters, parameters]`"""
    centres: Tensor
    """mean image and text feature of each cluster, `[clusters, 2 · variates]`"""

    @classmethod
    def at(cls, inputs: PairInputs, heads: CanonicalHeads, logit_scale: float, seed: int) -> ValidationQueries:
        """At these heads.

        Args:
            inputs: with at least `LEAST_VALIDATION` validation pairs; at most `MOST_VALIDATION` of them are asked.
            heads: fitted to training pairs.
            logit_scale: calibrated multiplier of similarities.
            seed: of the clusters.
        """
        held_out = inputs.validation
        everyone = torch.linspace(0, len(held_out) - 1, min(len(held_out), MOST_VALIDATION)).long()
        validation = _feature_map(heads, logit_scale, held_out.text[everyone], held_out.image[everyone])
        everyone = torch.arange(len(everyone))
        features = validation.features(everyone, everyone)
        points = torch.cat([features.image, features.text], 1)
        clusters = _clusters(points, seed)
        loss, numbers = ClipLoss(), np.unique(clusters)
        queries = [_gradient(validation, loss, everyone.numpy())]
        queries += [_gradient(validation, loss, np.flatnonzero(clusters == one)) for one in numbers]
        members = torch.as_tensor(clusters, device=points.device)
        return cls(heads, logit_scale, torch.cat(queries), torch.stack([points[members == n].mean(0) for n in numbers]))


def unseen_influence(inputs: PairInputs, rows: Tensor, queries: ValidationQueries, seed: int) -> np.ndarray:
    """Influence of the pairs at `rows`, which the heads of `queries` have not seen.

    Args:
        inputs: of the training pairs.
        rows: positions of the pairs.
        queries: what is asked.
        seed: of batches and sketches.

    Returns:
        The columns of `SIGNS`, `[rows, columns]`, nats per unit step (self-influence: squared gradient norm).
    """
    own = _feature_map(queries.heads, queries.logit_scale, inputs.text[rows], inputs.image[rows])
    conflicts, loss = np.stack([inputs.caption_ids, inputs.image_ids], 1)[rows.cpu().numpy()], ClipLoss()
    segmentations, _ = seeded_segmentations(conflicts, min(BATCH_SIZE, len(rows)), 1, seed)
    like = queries.gradients[0]
    scores = segmented_scores(own, loss, segmentations, queries.gradients).mean
    norms, _ = parameter_changes(own, loss, segmentations, IdentityCurvature(), SKETCHES, seed, like)
    found = {
        "unseen_influence": scores.both[0],
        "unseen_influence_positive": scores.positive[0],
        "unseen_influence_negative": scores.negative[0],
        "unseen_influence_related": (scores.both[1:] * _relatedness(own, queries.centres)).sum(0),
        "unseen_relative_influence": relative_influence(scores.both[0], norms.value),
        "unseen_self_influence": (norms.value * segmentations[0].num_pairs).square(),
    }
    return torch.stack([found[name].double() for name in SIGNS], 1).cpu().numpy()


def _feature_map(heads: CanonicalHeads, logit_scale: float, text: Tensor, image: Tensor) -> HeadsFeatureMap:
    """The canonical heads as heads of a model."""
    scale = heads.head_scale[:, None]
    text_head, image_head = scale * heads.text_map, scale * heads.image_map
    log_logit_scale = text.new_tensor(logit_scale).log()
    as_heads = Heads(
        text_head, image_head, log_logit_scale, -(text_head @ heads.text_mean), -(image_head @ heads.image_mean)
    )
    return HeadsFeatureMap(as_heads, text, image)


def _gradient(validation: HeadsFeatureMap, loss: ClipLoss, positions: np.ndarray) -> Tensor:
    """Gradient of the mean pair loss of some validation pairs, `[1, parameters]`."""
    batches = [positions[batch] for batch in consecutive_batches(len(positions), BATCH_SIZE)]
    return summed_loss(validation, loss, batches)[1] / len(positions)


def _clusters(points: Tensor, seed: int) -> np.ndarray:
    """Cluster of each point, of at most `CLUSTERS`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer clusters
        return KMeans(CLUSTERS, n_init=1, random_state=seed).fit_predict(points.cpu().numpy())


def _relatedness(own: HeadsFeatureMap, centres: Tensor) -> Tensor:
    """Weight of each cluster for each pair, `[clusters, pairs]`; columns sum to one."""
    everyone = torch.arange(len(own.text_inputs))
    features = own.features(everyone, everyone)
    near = torch.cosine_similarity(centres[:, None], torch.cat([features.image, features.text], 1)[None], dim=2)
    return (SHARPNESS * near).softmax(0)
