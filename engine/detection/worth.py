"""How much of what perfect cleaning gains is gained by cleaning what was flagged, with intervals. No torch."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from engine.detection.options import ARMS
from engine.fidelity.statistics import interval


def worth(cells: pd.DataFrame, answers: list[dict[str, np.ndarray]], resamples: int) -> dict[str, Any]:
    """Means by noise kind, measure and arm, and the share of the oracle's gain that is recovered.

    Args:
        cells: one row per cell: noise, num_pairs, num_wrong, num_flagged, flagged_precision, training_seconds.
        answers: for each cell and measure what was right, 0 … 1, `[arms, test pairs]`, arms in the order of `ARMS`.
        resamples: bootstrap resamples, over test pairs (the same ones for all arms and seeds) and over seeds.

    Returns:
        arms: rows noise, measure, arm, value, low, high; recovered: rows noise, measure, arm (flagged, random), value,
        low, high: (arm − none) / (oracle − none), 1 is as good as the oracle; oracle_gain: rows noise, measure, value,
        low, high; flagging: rows noise, flagged share, its precision, share that is wrong.
    """
    arms, recovered, gains, flagging = [], [], [], []
    for kind, rows in cells.groupby("noise", sort=False):
        some = [answers[position] for position in rows.index]
        for measure in some[0]:
            right = np.stack([one[measure] for one in some]).astype(np.float64)
            means = _resampled(right, resamples)
            place = {"noise": kind, "measure": measure}
            by_arm = dict(zip(ARMS, means.T, strict=True))
            arms += [{**place, "arm": arm, **_interval(one)} for arm, one in by_arm.items()]
            gain = by_arm["oracle"] - by_arm["none"]
            gains.append({**place, **_interval(gain)})
            with np.errstate(divide="ignore", invalid="ignore"):
                recovered += [
                    {**place, "arm": arm, **_interval((by_arm[arm] - by_arm["none"]) / gain)}
                    for arm in ("flagged", "random")
                ]
        flagging.append(
            {
                "noise": kind,
                "wrong_share": float((rows["num_wrong"] / rows["num_pairs"]).mean()),
                "flagged_share": float((rows["num_flagged"] / rows["num_pairs"]).mean()),
                "flagged_precision": float(rows["flagged_precision"].mean()),
                "training_seconds": float(rows["training_seconds"].mean()),
            }
        )
    return {"arms": arms, "recovered": recovered, "oracle_gain": gains, "flagging": flagging}


def _resampled(right: np.ndarray, resamples: int) -> np.ndarray:
    """Mean of `[seeds, arms, test pairs]` as it is and resampled over both, `[1 + resamples, arms]`."""
    generator = np.random.default_rng(0)
    num_seeds, _, num_pairs = right.shape
    found = [right.mean((0, 2))]
    for _ in range(resamples):
        seeds = generator.integers(0, num_seeds, num_seeds)
        pairs = generator.integers(0, num_pairs, num_pairs)
        found.append(right[seeds][:, :, pairs].mean((0, 2)))
    return np.array(found)


def _interval(values: np.ndarray) -> dict[str, float | None]:
    found = dataclasses.asdict(interval(float(values[0]), values[1:]))
    return {name: one if np.isfinite(one) else None for name, one in found.items()}
