"""From predictions and truth to one row of figures per method, and the experiment's summary. No torch."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.fidelity.groups import RANDOM
from engine.fidelity.options import FidelityOptions
from engine.fidelity.statistics import lds, lds_margin, relative_error, slope

CLOSED_FORM = "gauss-newton · both · group"
"""the method that a run uses, which the others are compared with"""
CONSTANT = ["kind", "curvature", "role", "term", "status", "residual", "shared_seconds"]


def judged(predictions: pd.DataFrame, truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per method: LDS, slope and error over random and over all groups, accuracy and time.

    Args:
        predictions: group, method, predicted, accuracy_change, seconds and the columns `CONSTANT`.
        truth: group, kind, loss_change, accuracy_change, seconds; one row per group.
        seed: of the bootstrap.
    """
    rows = []
    for method, some in predictions.groupby("method", sort=False):
        some = some.set_index("group").loc[truth["group"]]
        row = {"method": method, **some[CONSTANT].iloc[0].to_dict()}
        predicted, real = some["predicted"].to_numpy(), truth["loss_change"].to_numpy()
        is_random = (truth["kind"] == RANDOM).to_numpy()
        for name, use in (("random", is_random), ("all", np.ones_like(is_random))):
            found = lds(predicted[use], real[use], seed)
            row |= {f"lds_{name}": found.value, f"lds_{name}_low": found.low, f"lds_{name}_high": found.high}
            row[f"slope_{name}"] = slope(predicted[use], real[use])
            row[f"relative_error_{name}"] = relative_error(predicted[use], real[use])
        apart = (some["accuracy_change"].to_numpy() - truth["accuracy_change"].to_numpy()) * 100
        row["accuracy_points_apart"] = float(np.abs(apart).mean())
        row["seconds_per_group"] = float(some["seconds"].mean() + row["shared_seconds"] / len(some))
        alone = float(some["seconds"].mean() + row["shared_seconds"])
        row["share_of_retraining_time"] = alone / float(truth["seconds"].mean())
        rows.append(row)
    return pd.DataFrame(rows)


def summary(
    folder: Path,
    options: FidelityOptions,
    methods: pd.DataFrame,
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    restart_difference: float,
) -> dict[str, Any]:
    """What the experiment says, ready for JSON.

    Args:
        folder: with fit.json.
        options: of the experiment.
        methods: from `judged`.
        predictions: see `judged`.
        truth: see `judged`.
        restart_difference: how far apart two retrainings from different starts end, relative to the spread of truth.
    """
    by_method = {name: some["predicted"].to_numpy() for name, some in predictions.groupby("method", sort=False)}
    is_random = (truth["kind"] == RANDOM).to_numpy()
    real = truth["loss_change"].to_numpy()[is_random]
    own = by_method[CLOSED_FORM][is_random]
    margins = {
        name: dataclasses.asdict(lds_margin(own, values[is_random], real, options.seed))
        for name, values in by_method.items()
        if name.endswith("both · group") and name != CLOSED_FORM
    }
    return {
        "options": dataclasses.asdict(options),
        "fit": json.loads((folder / "fit.json").read_text(encoding="utf-8")),
        "retraining": {
            "groups": len(truth),
            "converged": int(truth["converged"].sum()),
            "worst_gradient_norm": float(truth["gradient_norm"].max()),
            "mean_seconds": float(truth["seconds"].mean()),
            "mean_evaluations": float(truth["evaluations"].mean()),
            "loss_change_std_random": float(real.std(ddof=1)),
            "restart_difference": restart_difference,
        },
        "margin_of_closed_form_random": margins,
        "methods": json.loads(methods.to_json(orient="records")),
    }
