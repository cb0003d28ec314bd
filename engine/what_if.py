"""What if a set of pairs were gone? The model without them and what it would predict, without retraining."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from engine.curvature import DEFAULT_TOLERANCE, SolveStatus
from engine.errors import ConfigError, PairsError
from engine.influence.leave_out import LeftOut, leave_out
from engine.predictions import metrics, queries_table
from engine.runs import is_wrong
from engine.study import Study

METRICS = {
    "zero_shot_accuracy": "zero-shot accuracy",
    "retrieval_recall_at_1": "retrieval recall@1",
    "retrieval_recall_at_5": "retrieval recall@5",
    "validation_loss": "validation loss (nats per pair)",
}


@dataclass(frozen=True)
class WhatIf:
    """The outcome of leaving pairs out."""

    num_pairs: int
    """pairs left out"""
    before: pd.DataFrame
    """the queries table of the model as it is"""
    after: pd.DataFrame
    """the queries table of the model without the pairs, same rows"""
    left_out: LeftOut
    study: Study
    """the study at the parameters without the pairs"""

    @property
    def mended(self) -> pd.DataFrame:
        """Rows of `after` that were wrong and are right now."""
        return self.after[is_wrong(self.before) & ~is_wrong(self.after)]

    @property
    def broken(self) -> pd.DataFrame:
        """Rows of `after` that were right and are wrong now."""
        return self.after[~is_wrong(self.before) & is_wrong(self.after)]


def what_if(study: Study, pair_ids: Collection[str], steps: int) -> WhatIf:
    """Leave pairs out of training and predict anew.

    Args:
        study: of a finished run with a damping.
        pair_ids: training pairs to leave out; others are passed over.
        steps: Gauss–Newton steps; 1 is the closed form, a few more reach the retrained model.

    Raises:
        ConfigError: if the run has no curvature, or `steps` is below 1.
        PairsError: if no training pair is named, or all are.
    """
    if study.config.curvature == "identity":
        raise ConfigError("a run with a curvature", "--curvature identity", "Run again with gauss-newton.")
    if steps < 1:
        raise ConfigError("--steps to be at least 1", str(steps), "Change it.")
    is_out = study.rows("train")["pair_id"].isin(set(pair_ids)).to_numpy()
    if not is_out.any() or is_out.all():
        raise PairsError(
            "some of the run's training pairs to leave out",
            f"{int(is_out.sum())} of {len(is_out)}",
            "Check the ids: they stand in the run's pairs table.",
        )
    found = leave_out(
        study.train.moved,
        study.loss,
        list(study.segmentations),
        np.flatnonzero(is_out),
        like=torch.zeros_like(study.like),
        damping=study.inverse.damping,
        steps=steps,
        tolerance=study.config.cg_tolerance or DEFAULT_TOLERANCE[study.like.dtype],
        max_iterations=study.config.cg_iterations,
    )
    without = study.moved(found.change)
    return WhatIf(int(is_out.sum()), queries_table(study), queries_table(without), found, without)


def read_pair_ids(path: str | Path) -> list[str]:
    """Pair ids from a .csv with a pair_id column, or from a text file with one per line.

    Raises:
        PairsError: if the file cannot be read.
    """
    try:
        if str(path).endswith(".csv"):
            return pd.read_csv(path, dtype=str)["pair_id"].dropna().tolist()
        return [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError) as error:
        raise PairsError(
            "a .csv with a pair_id column, or a text file with one id per line", f"{path} ({error})", "Check --drop."
        ) from error


def summary(found: WhatIf) -> dict[str, Any]:
    """What a screen shows of an outcome, ready for JSON."""
    return {
        "num_pairs": found.num_pairs,
        "steps": len(found.left_out.solutions),
        "before": metrics(found.before),
        "after": metrics(found.after),
        "mended": found.mended["query_id"].tolist(),
        "broken": found.broken["query_id"].tolist(),
        "warnings": [s.status.value for s in found.left_out.solutions if s.status is not SolveStatus.CONVERGED],
    }


def print_what_if(found: WhatIf) -> None:
    """Print the metrics of the model as it is and without the pairs, and what changes."""
    console, said = Console(), summary(found)
    before, after = said["before"], said["after"]
    table = Table("", "now", "without", "change", title=f"Without {found.num_pairs} training pairs")
    for name, words in METRICS.items():
        if before[name] is not None:
            change = after[name] - before[name]
            table.add_row(words, f"{before[name]:.3f}", f"{after[name]:.3f}", f"{change:+.3f}")
    console.print(table)
    mended, broken, taken = len(said["mended"]), len(said["broken"]), said["steps"]
    console.print(f"{mended} wrong predictions become right, {broken} right ones become wrong.")
    how = "the closed form" if taken == 1 else f"{taken} Gauss–Newton steps on the objective without the pairs"
    console.print(f"Predicted without retraining, by {how}.")
    for warning in said["warnings"]:
        console.print(warning)
