"""A study: everything the scores need, put together from the files of a run folder.

The run folder holds the cached penultimate features. With the tier heads nothing else is needed; other tiers load the
model and read the images again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.batches import BatchSegmentation, read_segmentations
from engine.config import RunConfig
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.curvature import InverseCurvature, KeptInverse, inverse_curvature
from engine.directional import FeatureMap
from engine.errors import ConfigError, RunFolderDamaged
from engine.executors import Executor, PlacedFeatureMap
from engine.executors.subjects import SplitFeatures
from engine.feature_rows import mapped
from engine.models.interface import Heads
from engine.models.precision import weights_dtype
from engine.runs import RunFolder
from engine.sources import FeatureSource, HeadsSource, load_encoder_source

FEATURE_FILES = ("image", "text", "prompts")


def device_of(config: RunConfig) -> torch.device:
    """The device that `--device` names; auto takes cuda, then mps, then cpu.

    Raises:
        ConfigError: if this machine lacks the device.
    """
    lacking = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if lacking.get(config.device):
        raise ConfigError(f"a machine with {config.device}", "none", "Use --device auto or --device cpu.")
    if config.device == "mps" and config.dtype == "float64":
        raise ConfigError(
            "--dtype float32 with --device mps",
            "float64",
            "Leave --dtype out, or use --device cpu: mps has no float64.",
        )
    if config.device != "auto":
        return torch.device(config.device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available() and config.dtype != "float64":  # mps has no float64
        return torch.device("mps")
    return torch.device("cpu")


@dataclass(frozen=True)
class Study:
    """Feature maps, batches, loss and curvature of one run."""

    config: RunConfig
    pairs: pd.DataFrame
    """the pairs table, all splits, in pair_index order"""
    classes: tuple[str, ...]
    """class names of the zero-shot queries; empty without labels"""
    source: FeatureSource
    """feature maps of the pairs and of the class prompts"""
    segmentations: tuple[BatchSegmentation, ...]
    """batches of training pairs"""
    recorded_damping: float | None = None
    """absolute damping of the run, once it is known"""
    solves: Path | None = None
    """a folder where long solves are kept for a process that goes on after a kill; None keeps none"""
    place: Callable[[FeatureMap, str], FeatureMap] | None = None
    """puts the feature map of a split where passes over it run; None leaves it in this process"""

    @property
    def loss(self) -> ContrastiveLoss:
        """The training loss."""
        return LOSSES[self.config.loss]

    @property
    def test_split(self) -> str:
        """The split that test predictions are about: validation where there is no test split."""
        return "test" if (self.pairs["split"] == "test").any() else "validation"

    def rows(self, split: str) -> pd.DataFrame:
        """The pairs of one split, in table order."""
        return self.pairs[self.pairs["split"] == split]

    def feature_map(self, split: str) -> FeatureMap:
        """Features of the pairs of one split; index = position within the split."""
        here = self.source.pairs(self._positions(split))
        return here if self.place is None else self.place(here, split)

    @cached_property
    def train(self) -> FeatureMap:
        """Features of the training pairs."""
        return self.feature_map("train")

    @cached_property
    def zero_shot(self) -> FeatureMap:
        """Texts are the prompts, images are the test images."""
        return self.source.zero_shot(self._positions(self.test_split))

    @cached_property
    def like(self) -> Tensor:
        """A `[parameters]` tensor that gives size, dtype and device of directions."""
        return torch.empty_like(self.source.theta)

    def moved(self, change: Tensor) -> Study:
        """The same study at θ̂ + `change`, `[parameters]`, in this process alone."""
        return replace(self, source=self.source.moved(change), solves=None, place=None)

    @cached_property
    def inverse(self) -> InverseCurvature:
        """The inverse curvature; shared by all segmentations, built on the first of them."""
        config = self.config
        if self.recorded_damping and config.curvature != "datainf":  # whose damping is one number per tensor
            config = replace(config, damping=self.recorded_damping, relative_damping=None)
        build = partial(inverse_curvature, config, self.train, self.segmentations[0], self.like)
        return build() if self.solves is None else KeptInverse(build, self.solves, config.digest())

    @property
    def damping(self) -> float:
        """The absolute damping of the run: recorded, or that of the inverse curvature, which is built for it."""
        return self.recorded_damping or self.inverse.damping

    def labels(self, split: str) -> np.ndarray:
        """Class index of each pair of a split; −1 without a label or with one that is not a class."""
        index = {name: number for number, name in enumerate(self.classes)}
        return self.rows(split)["label"].map(lambda name: index.get(name, -1)).to_numpy(dtype=np.int64)

    def _positions(self, split: str) -> Tensor:
        return torch.tensor(self.rows(split)["pair_index"].to_numpy(copy=True))


def load_study(run: RunFolder, executor: Executor | None = None, solves: Path | None = None) -> Study:
    """The study of a run whose features are finished.

    Args:
        run: the run folder.
        executor: where passes over its pairs run; None for this process.
        solves: a folder where long solves are kept; None keeps none.

    Raises:
        RunFolderPartial: if the features are not finished.
        RunFolderDamaged: if a file cannot be read.
    """
    config, pairs = run.config, run.table("pairs")
    ids = pairs.loc[pairs["split"] == "train", "pair_id"]
    segmentations, _ = read_segmentations(run.path / "batches.parquet", ids)
    found, classes = load_features(run.path / "features", config)
    source: FeatureSource = found
    if config.tier != "heads":
        prompts = [template.replace("{}", name) for name in classes for template in config.templates]
        source = load_encoder_source(config, pairs, prompts, _unit_features(found), device_of(config))
    place = None if executor is None else partial(_placed, executor, run.path, device_of(config))
    return Study(config, pairs, classes, source, tuple(segmentations), run.record.get("damping"), solves, place)


def _placed(executor: Executor, run: Path, device: torch.device, here: FeatureMap, split: str) -> PlacedFeatureMap:
    return PlacedFeatureMap(here, executor.passes(SplitFeatures(run.resolve(), split), device))


def load_features(folder: Path, config: RunConfig) -> tuple[HeadsSource, tuple[str, ...]]:
    """What the embedding step wrote to `folder`, as feature maps of the heads, and the class names.

    Raises:
        RunFolderDamaged: if a file cannot be read.
    """
    device, dtype = device_of(config), weights_dtype(getattr(torch, config.dtype))
    try:
        tensors = {name: mapped(folder / f"{name}.npy", device, dtype) for name in FEATURE_FILES}
        heads = Heads(**load_file(folder / "heads.safetensors")).to(device, dtype)
        classes = tuple(json.loads((folder / "classes.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise RunFolderDamaged(
            f"readable files in {folder}", str(error), "Delete that folder and run again: it is computed anew."
        ) from error
    source = HeadsSource(
        config.model,
        heads,
        **tensors,
        log_logit_scale=config.log_logit_scale,
        chunk_size=config.chunk_size,
        adapter=config.adapter,
    )
    return source, classes


def _unit_features(source: HeadsSource) -> dict[str, Tensor]:
    """Unit features of all pairs (and of the prompts, after the captions) as the embedding step found them."""
    everyone, prompts = torch.arange(len(source.image)), torch.arange(source.num_prompts)
    found = source.pairs(everyone).features(everyone, everyone)
    texts = [found.text]
    if source.num_prompts:
        texts.append(source.zero_shot(everyone).features(prompts, everyone[:0]).text)
    return {"image": found.image, "text": torch.cat(texts)}
