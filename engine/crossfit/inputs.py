"""What a detector of wrong pairs is given: penultimate features of the pairs of a run, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from engine.errors import RunFolderPartial
from engine.feature_rows import Rows, chosen
from engine.models.interface import Heads
from engine.runs import RunFolder
from engine.sources import HeadsSource
from engine.study import load_features


@dataclass(frozen=True)
class PairInputs:
    """The pairs of one split in table order; every array has one row per pair."""

    image: Rows
    """penultimate image features, `[pairs, image_dim]`, perhaps mapped"""
    text: Rows
    """penultimate text features, `[pairs, text_dim]`"""
    caption_ids: np.ndarray
    """integers `[pairs]`: pairs with equal captions share one; comparable between splits"""
    image_ids: np.ndarray
    """integers `[pairs]`: pairs with equal pictures share one; comparable between splits"""
    labels: np.ndarray
    """class index of the caption that the pair carries, `[pairs]`; −1 without a label"""
    num_classes: int
    """0 without labels"""
    captions: tuple[str, ...]
    """`[pairs]`"""
    validation: PairInputs | None
    """pairs that are not trained on; None for validation pairs themselves, or without any"""
    heads: Heads
    """where training starts"""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.captions)

    def with_captions(self, positions: np.ndarray) -> PairInputs:
        """The same pictures with the captions (and their labels) of the pairs at `positions`, `[pairs]`."""
        return replace(
            self,
            text=chosen(self.text, torch.as_tensor(positions)),
            caption_ids=self.caption_ids[positions],
            labels=self.labels[positions],
            captions=tuple(self.captions[one] for one in positions),
        )


def inputs_of_run(run: RunFolder) -> PairInputs:
    """The training pairs of a run, with its validation pairs; whatever the tier, by the features of its model.

    Raises:
        RunFolderPartial: if the run has no features yet.
        RunFolderDamaged: if they cannot be read.
    """
    if not run.has("features"):
        raise RunFolderPartial("a run with its features", f"{run.path}", "Run its config.json again: it resumes.")
    source, classes = load_features(run.path / "features", run.config)
    return inputs_of(source, classes, run.table("pairs"))


def inputs_of(source: HeadsSource, classes: tuple[str, ...], pairs: pd.DataFrame) -> PairInputs:
    """The training pairs, with the validation pairs.

    Args:
        source: features of all pairs, and the heads.
        classes: class names; empty without, then the labels are the classes.
        pairs: the pairs table, all splits.
    """
    names = classes or tuple(sorted(pairs["label"].dropna().unique()))
    known = {name: number for number, name in enumerate(names)}
    labels = pairs["label"].map(lambda name: known.get(name, -1)).to_numpy(dtype=np.int64)
    caption_ids, image_ids = (pd.factorize(pairs[name])[0].astype(np.int64) for name in ("caption", "content_hash"))

    def of_split(split: str, validation: PairInputs | None) -> PairInputs:
        rows = np.flatnonzero(pairs["split"] == split)
        where = torch.as_tensor(pairs["pair_index"].to_numpy()[rows])
        return PairInputs(
            chosen(source.image, where), chosen(source.text, where), caption_ids[rows], image_ids[rows], labels[rows],
            len(names), tuple(pairs["caption"].iloc[rows]), validation, source.heads,
        )  # fmt: skip

    held_out = of_split("validation", None)
    return of_split("train", held_out if len(held_out) else None)
