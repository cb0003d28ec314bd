"""Cross-fitting whole models: a training by `ecif finetune` is done again for every fold, without it and suspects.

Heads are cross-fitted in closed form; what an encoder learned from a wrong pair is undone only by training again.
The same recipe, start and order of pairs are used, so that the fold's model is the one that would have been, had
the fold and the suspects not been there. Cost: a training and an embedding pass per fold, each a finished folder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.config import RunConfig
from engine.crossfit.inputs import PairInputs, inputs_of
from engine.runs import RunFolder
from engine.study import load_features

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Refits:
    """One model per fold, which has seen neither the fold nor the suspects."""

    run: RunFolder
    training: Path
    """folder of the finished training that is repeated"""
    folds: np.ndarray
    """fold of each training pair, `[pairs]`"""
    suspects: np.ndarray
    """pairs that no fold's model learns from, `[pairs]`, bool"""

    def inputs(self, fold: int) -> PairInputs:
        """All pairs as the fold's model sees them; trained and embedded now where that is not finished."""
        folder = self.run.path / "crossfit" / f"fold-{fold}"
        config = self._trained(fold, folder / "training")
        if not (folder / "features").exists():
            _embed(folder, config, self.run.table("pairs"))
        source, classes = load_features(folder / "features", config)
        return inputs_of(source, classes, self.run.table("pairs"))

    def _trained(self, fold: int, out: Path) -> RunConfig:
        """Train without the fold and the suspects; the run's configuration with that model."""
        from engine.finetune.job import retrain_without

        pairs = self.run.table("pairs")
        pair_ids = pairs.loc[pairs["split"] == "train", "pair_id"].to_numpy()
        found = retrain_without(self.training, set(pair_ids[(self.folds == fold) | self.suspects]), out)
        names = {"adapter": str(found.result)} if found.recipe.result == "adapter" else {"model": str(found.result)}
        start = {"model": found.recipe.model, "adapter": None, "tier": "heads"}
        return dataclasses.replace(self.run.config, **(start | names))


def _embed(folder: Path, config: RunConfig, pairs: pd.DataFrame) -> None:
    from engine.embedding import write_features

    RunFolder(folder).step("features", lambda part: write_features(part, config, pairs, lambda done, of: None))
