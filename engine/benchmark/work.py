"""The pieces of work that benchmarks time: each is a call or two of the engine's own passes over all pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.benchmark.setting import Setting
from engine.contrastive import ClipLoss
from engine.curvature import GaussNewton
from engine.directional import FeatureMap
from engine.influence.scores import segmented_scores
from engine.objective import summed_loss

LOSS = ClipLoss()
PLAIN, GRADIENT, PRODUCT = "plain embedding pass", "gradient of the loss", "one Gauss–Newton product"


@dataclass(frozen=True)
class Work:
    """One pass over all pairs."""

    what: str
    num_queries: int
    ready: Callable[[], Callable[[], object]]
    """makes what the pass needs beforehand, and returns the pass"""


def embed_all(feature_map: FeatureMap) -> None:
    """The plain embedding pass: unit features of all images and captions, made anew."""
    feature_map.towers.cache.known.clear()
    pairs = torch.arange(len(feature_map.text_rows))
    feature_map.features(pairs, pairs)


def score(setting: Setting, feature_map: FeatureMap, directions: Tensor) -> None:
    """Scores of all pairs along `directions`, `[queries, parameters]`."""
    segmented_scores(feature_map, LOSS, [setting.segmentation], directions)


def gradient(setting: Setting, feature_map: FeatureMap) -> None:
    """The gradient of the loss over all pairs."""
    summed_loss(feature_map, LOSS, setting.segmentation.batches)


def random_directions(feature_map: FeatureMap, count: int) -> Tensor:
    """Normal noise, `[count, parameters]`, where the features are."""
    pairs = torch.arange(2)
    like = feature_map.features(pairs, pairs).text
    generator = torch.Generator(like.device).manual_seed(0)
    shape = (count, feature_map.subset.num_parameters)
    return torch.randn(*shape, generator=generator, device=like.device, dtype=like.dtype)


def passes_after_embedding(setting: Setting, feature_map: FeatureMap, counts: tuple[int, ...]) -> list[Work]:
    """What a run does once it has its features.

    Args:
        setting: the pairs and their batches.
        feature_map: of all pairs, with its features known.
        counts: numbers of queries asked together.
    """

    def product() -> Callable[[], object]:
        operator, direction = GaussNewton(feature_map, LOSS, setting.segmentation), random_directions(feature_map, 1)
        return lambda: operator.matvec(direction)

    def scores(count: int) -> Callable[[], object]:
        directions = random_directions(feature_map, count)
        return lambda: score(setting, feature_map, directions)

    return [
        Work(GRADIENT, 1, lambda: lambda: gradient(setting, feature_map)),
        Work(PRODUCT, 1, product),
        *(Work(scores_for(count), count, lambda c=count: scores(c)) for count in counts),
    ]


def scores_for(count: int) -> str:
    """What the scores of all pairs for several queries at once are called."""
    return f"scores, {count} {'query' if count == 1 else 'queries'}"
