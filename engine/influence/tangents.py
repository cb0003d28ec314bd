"""Derivatives of the features of all pairs, taken once and kept until every segmentation has read them.

In memory up to a size; beyond, in a file without a name in the system's folder for such files (`TMPDIR`), which is gone
with the process. One process computes a shard of pairs, or a cluster does many.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.directional import FeatureMap, Features
from engine.errors import StorageError
from engine.executors import passes_over
from engine.executors.interface import MOST_GROUPS
from engine.runs import storage_errors

LEAST_SHARD, LARGEST_SHARD = 256, 4096
"""pairs whose tangents are computed together and travel together"""

TangentsOf = Callable[[Tensor], Features]
"""positions of some pairs ↦ their tangents"""


@dataclass(frozen=True)
class ShardTangents:
    """Tangents of the pairs of one shard along every direction."""

    directions: Tensor
    """`[queries, parameters]`"""

    def __call__(self, feature_map: FeatureMap, shard: np.ndarray) -> Features:
        """Of the pairs at these positions, `[queries, pairs, embed_dim]`."""
        pairs = torch.as_tensor(shard, device=self.directions.device)
        return feature_map.tangents(pairs, pairs, self.directions)


def tangents_in_memory(feature_map: FeatureMap, num_pairs: int, directions: Tensor) -> TangentsOf:
    """Tangents of all pairs along some directions, in memory."""
    parts = list(_shards_of(feature_map, num_pairs, directions))
    text, image = (torch.cat([getattr(part, kind) for part in parts], 1) for kind in ("text", "image"))
    return Features(text, image, parts[0].log_logit_scale, parts[0].logit_bias).of_pairs


def tangents_on_disk(feature_map: FeatureMap, num_pairs: int, directions: Tensor) -> TangentsOf:
    """Tangents of all pairs along some directions, in a file without a name: pair by pair, captions beside images.

    Raises:
        StorageError: if the folder for such files has no room.
    """
    folder, first, width = Path(tempfile.gettempdir()), None, 0
    with storage_errors(folder):
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the mapping below
        for part in _shards_of(feature_map, num_pairs, directions):
            first, width = first or part, part.text.shape[-1]
            rows = torch.cat([part.text, part.image], -1).transpose(0, 1).contiguous()
            file.write(rows.cpu().numpy().data)
        file.flush()
    kept = np.memmap(file, rows.cpu().numpy().dtype, "r", shape=(num_pairs, len(directions), 2 * width))

    def of_pairs(pairs: Tensor) -> Features:
        found = torch.from_numpy(kept[pairs.cpu().numpy()]).to(directions.device).transpose(0, 1)
        return Features(found[..., :width], found[..., width:], first.log_logit_scale, first.logit_bias)

    return of_pairs


def directions_on_disk(bytes_each: int) -> int:
    """How many directions fit on half of what is free, at least 1.

    Raises:
        StorageError: if there is no room for a single one.
    """
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if free < bytes_each:
        raise StorageError(
            f"{bytes_each / 1e9:.1f} GB free in {folder}, for the derivatives of all pairs along one direction",
            f"{free / 1e9:.1f} GB",
            "Name a folder with more room in the environment variable TMPDIR, or choose --segmentations 1.",
        )
    return max(1, free // 2 // bytes_each)


def _shards_of(feature_map: FeatureMap, num_pairs: int, directions: Tensor) -> Iterator[Features]:
    size = min(LARGEST_SHARD, max(LEAST_SHARD, -(-num_pairs // MOST_GROUPS)))
    shards = np.split(np.arange(num_pairs), range(size, num_pairs, size))
    return passes_over(feature_map).mapped(ShardTangents(directions), shards)
