"""Which batches the curvature is built on, when a part of them is enough."""

from __future__ import annotations

import numpy as np

from engine.batches import BatchSegmentation
from engine.config import RunConfig

ALL_UP_TO, ENOUGH = 20_000, 8_192
"""pairs on all of which the curvature is built, and on how many of more: few enough for a trace-back while somebody
waits. Errors fall with the root of the pairs used, however many are scored. On 8,000 synthetic pairs of 128 dimensions,
scores by 4,000 of them were 1.4 % off and correlated by .9999 with scores by all (by 500: 5 %, .9985) at the default
damping; 19 % and .984 at a hundredth of it, where more `--curvature-pairs` are worth their time."""


def subsampled(segmentation: BatchSegmentation, num_pairs: int, seed: int) -> BatchSegmentation:
    """A seeded choice of whole batches with at least `num_pairs` pairs; all of them if there are not more.

    Whole batches, because a pair's curvature depends on the negatives it sat with. Curvatures divide by the number of
    pairs; that of the result is scaled with the pairs used, so that the choice estimates the whole, and is a little
    larger than the pairs used where the segmentation leaves pairs out.

    Args:
        segmentation: batches of the training objective.
        num_pairs: least number of pairs, ≥ 1.
        seed: of the choice. The batches keep their order; the pairs used are those in the result's batches.
    """
    sizes = np.array([len(batch) for batch in segmentation.batches])
    if num_pairs >= sizes.sum():
        return segmentation
    order = np.random.default_rng(seed).permutation(len(sizes))
    enough = 1 + int(np.searchsorted(sizes[order].cumsum(), num_pairs))
    chosen = np.sort(order[:enough])
    scaled = round(segmentation.num_pairs * sizes[chosen].sum() / sizes.sum())
    return BatchSegmentation(tuple(segmentation.batches[b] for b in chosen), scaled)


def curvature_segmentation(config: RunConfig, segmentation: BatchSegmentation) -> BatchSegmentation:
    """The batches that `config` builds the curvature on: those of `--curvature-pairs`, else all, or enough of them."""
    if config.curvature_pairs is None and segmentation.num_pairs <= ALL_UP_TO:
        return segmentation
    return subsampled(segmentation, config.curvature_pairs or ENOUGH, config.seed)
