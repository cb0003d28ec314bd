"""What works are called with, as every process opens it: from the run folder."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ClusterError
from engine.runs import RunFolder

if TYPE_CHECKING:
    import torch

    from engine.directional import FeatureMap
    from engine.shard_encoding import ShardEncoder
    from engine.study import Study


@dataclass(frozen=True)
class SplitFeatures:
    """The feature map of the pairs of one split of a run."""

    run: Path
    """the run folder, on storage that every process sees"""
    split: str

    def open(self) -> FeatureMap:
        """From the run's cached features, and its model where encoders are studied."""
        return _study(self.run).feature_map(self.split)

    def device(self) -> torch.device:
        """Of the features."""
        return _study(self.run).like.device


@dataclass(frozen=True)
class EncoderOf:
    """What fills the shards of features of a run."""

    run: Path
    """the run folder, on storage that every process sees"""
    folder: Path
    """that holds the shards"""

    def open(self) -> ShardEncoder:
        """With the run's model and the pictures where its pairs table says they are."""
        from engine.embedding import encoder_for, load_for

        run = run_seen_here(self.run)
        return encoder_for(self.folder, load_for(run.config), run.config, run.table("pairs"))

    def device(self) -> torch.device:
        """Of the model; shards themselves are no tensors."""
        from engine.study import device_of

        return device_of(run_seen_here(self.run).config)


def run_seen_here(path: Path) -> RunFolder:
    """The run at a path that another process named.

    Raises:
        ClusterError: if this machine does not see it.
    """
    if not path.is_dir():
        raise ClusterError(
            "a run folder on storage that every node sees",
            f"no {path} on {socket.gethostname()}",
            "Put --out (and pictures and model) on shared storage, under the same path everywhere.",
        )
    return RunFolder.open(path)


@lru_cache(maxsize=1)
def _study(run: Path) -> Study:
    from engine.study import load_study

    return load_study(run_seen_here(run))
