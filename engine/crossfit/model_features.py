"""Whether the model itself may testify: its similarity is a signal only if it has not learned these very pairs.

A pretrained model that was not tuned on the pairs is as good a witness as cross-fitted heads, and the better one where
pairs are few. A model that was tuned on them has learned the wrong ones as well. The two differ in how training and
validation pairs fit: pairs that were learned fit better than pairs that were not.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from engine.crossfit.inputs import PairInputs
from engine.crossfit.spaces import Similarities
from engine.directional import Features, HeadsFeatureMap
from engine.feature_rows import chunks_of
from engine.signals import clip_scores

LEAST_VALIDATION = 50
MOST_ADVANTAGE = 0.03
ERRORS = 2.0
"""the model may testify while the probability that a training pair fits better than a validation pair is at most ½ plus
the larger of this advantage and so many standard errors"""


def may_testify(inputs: PairInputs) -> bool:
    """Whether the model has not learned the pairs; false with too few validation pairs to tell."""
    held_out = inputs.validation
    if held_out is None or len(held_out) < LEAST_VALIDATION:
        return False
    scores = torch.cat([_clip_scores(inputs), _clip_scores(held_out)]).cpu().numpy()
    error = np.sqrt((len(scores) + 1) / (12 * len(inputs) * len(held_out)))  # of Mann and Whitney's statistic
    advantage = roc_auc_score(np.arange(len(scores)) < len(inputs), scores) - 0.5
    return bool(advantage <= max(MOST_ADVANTAGE, ERRORS * error))


def model_similarity(inputs: PairInputs, pairs: Tensor) -> Similarities:
    """Cosine by the model itself of images and captions at given places among `pairs`, which are positions."""
    features = _unit_features(inputs, pairs)
    return lambda images, texts: (features.image[images] * features.text[texts]).sum(1)


def _clip_scores(inputs: PairInputs) -> Tensor:
    everyone = torch.arange(len(inputs))
    return torch.cat([clip_scores(_unit_features(inputs, everyone[part])) for part in chunks_of(len(inputs))])


def _unit_features(inputs: PairInputs, pairs: Tensor) -> Features:
    return HeadsFeatureMap(inputs.heads, inputs.text, inputs.image).features(pairs, pairs)
