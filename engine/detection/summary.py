"""What a detection experiment says: means over seeds and over the grid, with intervals, and suspicion against the rest.

Every interval is a 95 % bootstrap over the pairs (the same ones in every cell and for every signal) and over the seeds
of each setting (a noise kind at a ratio), drawn anew for each setting. Differences are paired.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.detection.judge import FIGURES
from engine.detection.options import DetectionOptions
from engine.fidelity.statistics import interval

SUSPICION, PROBABILITY = "suspicion", "p_wrong"
MEAN_FIGURES = ("auroc", "average_precision")
NUM_BINS = 10


def is_single(column: str) -> bool:
    """Whether a column is a signal of its own, not a combination."""
    return not column.startswith(SUSPICION) and column != PROBABILITY


def summary(
    cells: pd.DataFrame, columns: list[str], found: np.ndarray, folder: Path, options: DetectionOptions
) -> dict[str, Any]:
    """The experiment's figures, ready for JSON.

    Args:
        cells: one row per finished cell, in the order of `options.cells`.
        columns: the judged columns.
        found: `[cells, columns, 1 + resamples, figures]`, the first as they are.
        folder: with the cells' tables, for the reliability of the probabilities.
        options: of the experiment.

    Returns:
        overall and settings (figures by column), margins (suspicion less each column, over the grid), against_best
        (suspicion less the best single signal in each setting), worst_gap, worst_gap_of_a_cell, shares, reliability.
    """
    by_setting = found.reshape(options.seeds, -1, *found.shape[1:]).swapaxes(0, 1)  # seeds go round outermost
    means = _means_over_seeds(by_setting)
    settings = cells.iloc[: len(means)][["noise", "ratio"]].to_dict("records")
    own, singles = columns.index(SUSPICION), [number for number, name in enumerate(columns) if is_single(name)]
    best = [_against_best(means[number], columns, own, singles) for number in range(len(means))]
    auroc = found[:, :, 0, FIGURES.index("auroc")].astype(np.float64)
    overall = means.mean(0)
    return _json_ready(
        {
            "options": dataclasses.asdict(options),
            "overall": _figures_of(overall, columns),
            "settings": [
                {**one, **row} for one, some in zip(settings, means, strict=True) for row in _figures_of(some, columns)
            ],
            "margins": _margins(overall, columns, own),
            "against_best": [{**one, **row} for one, row in zip(settings, best, strict=True)],
            "worst_gap": min(row["gap"] for row in best),
            "worst_gap_of_a_cell": float((auroc[:, own] - np.nanmax(auroc[:, singles], axis=1)).min()),
            "shares": _shares(cells),
            "reliability": _reliability(folder, cells) if PROBABILITY in columns else [],
            "seconds_per_cell": float(cells["seconds"].mean()),
        }
    )


def _means_over_seeds(found: np.ndarray) -> np.ndarray:
    """`[settings, columns, 1 + resamples, figures]` from `[settings, seeds, columns, 1 + resamples, figures]`."""
    num_settings, num_seeds, _, num, _ = found.shape
    draws = np.random.default_rng(0).integers(0, num_seeds, (num_settings, num, num_seeds))
    draws[:, 0] = np.arange(num_seeds)
    means = np.empty(found.shape[:1] + found.shape[2:])
    for setting in range(num_settings):
        for resample in range(num):
            means[setting, :, resample] = found[setting, draws[setting, resample], :, resample].mean(0)
    return means


def _figures_of(means: np.ndarray, columns: list[str]) -> list[dict[str, Any]]:
    rows = []
    for number, name in enumerate(columns):
        row: dict[str, Any] = {"column": name, "single": is_single(name)}
        for at, figure in enumerate(FIGURES):
            one = interval(means[number, 0, at], means[number, 1:, at])
            row |= {figure: one.value, f"{figure}_low": one.low, f"{figure}_high": one.high}
        rows.append(row)
    return rows


def _margins(overall: np.ndarray, columns: list[str], own: int) -> list[dict[str, Any]]:
    rows = []
    for number, name in enumerate(columns):
        if number == own:
            continue
        row: dict[str, Any] = {"column": name, "single": is_single(name)}
        for figure in MEAN_FIGURES:
            apart = overall[own, :, FIGURES.index(figure)] - overall[number, :, FIGURES.index(figure)]
            row[figure] = dataclasses.asdict(interval(float(apart[0]), apart[1:]))
        rows.append(row)
    return rows


def _against_best(means: np.ndarray, columns: list[str], own: int, singles: list[int]) -> dict[str, Any]:
    """AUROC of suspicion less that of the single signal with the highest one, in a setting."""
    auroc = means[:, :, FIGURES.index("auroc")]
    best = max(singles, key=lambda number: np.nan_to_num(auroc[number, 0], nan=-1.0))
    one = interval(float(auroc[own, 0] - auroc[best, 0]), auroc[own, 1:] - auroc[best, 1:])
    return {
        "best_single": columns[best],
        "best_auroc": float(auroc[best, 0]),
        "suspicion_auroc": float(auroc[own, 0]),
        "gap": one.value,
        "gap_low": one.low,
        "gap_high": one.high,
    }


def _shares(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """True and estimated share of wrong pairs per setting: mean, extremes over seeds, mean absolute error."""
    error = (cells["estimated_share"] - cells["true_share"]).abs()
    grouped = cells.assign(error=error).groupby(["noise", "ratio"], sort=False, dropna=False)
    return (
        grouped.agg(
            true_share=("true_share", "mean"),
            estimated_share=("estimated_share", "mean"),
            least=("estimated_share", "min"),
            largest=("estimated_share", "max"),
            mean_error=("error", "mean"),
        )
        .reset_index()
        .to_dict("records")
    )


def _reliability(folder: Path, cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Estimated probability against the share that is wrong, in ten bins over all cells."""
    names = [PROBABILITY, "is_wrong", "is_judged"]
    tables = [pd.read_parquet(folder / "cells" / f"{cell}.parquet", columns=names) for cell in cells["cell"]]
    pairs = pd.concat(tables, ignore_index=True)
    pairs = pairs[pairs["is_judged"] & pairs[PROBABILITY].notna()]
    number = np.minimum((pairs[PROBABILITY] * NUM_BINS).astype(int), NUM_BINS - 1)
    grouped = pairs.groupby(number)
    found = grouped.agg(estimated=(PROBABILITY, "mean"), real=("is_wrong", "mean"), pairs=("is_wrong", "size"))
    return found.to_dict("records")


def _json_ready(value: Any) -> Any:
    """The same with None for what is not finite."""
    if isinstance(value, dict):
        return {name: _json_ready(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(one) for one in value]
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
