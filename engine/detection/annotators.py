"""What decisions are worth: simulated annotators on the finished cells of a detection experiment.

Each annotator answers from the truth and follows the proposals, or decides random pairs. Nothing is detected again. A
row of annotators.parquet is one annotator in one arm on one cell; the same call goes on where a killed one stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from engine.detection.cells import finished_cells
from engine.fidelity.statistics import interval
from engine.learning import simulate_decisions
from engine.runs import write_json, write_table

FILE = "annotators.json"
DECISIONS = 100
RESAMPLES = 2000
GAINS = {"no decisions": "none", "random decisions": "random"}
"""what the proposed decisions are compared with"""
ALL = "all"


def simulate_annotators(folder: Path, number: int, report: Callable[[int, int], None]) -> None:
    """Write annotators.parquet and annotators.json; nothing where the detector gives no probabilities to learn from.

    Args:
        folder: of a finished detection experiment.
        number: annotators per cell.
        report: called with (done, total) cells.
    """
    path = folder / "annotators.parquet"
    rows = pd.read_parquet(path) if path.exists() else pd.DataFrame({"cell": [], "seed": []})
    cells = list(finished_cells(folder))
    if any("p_wrong" not in cell.signals for cell in cells):
        return
    for done, cell in enumerate(cells):
        known = rows[rows["cell"] == cell.facts["cell"]]
        missing = [seed for seed in range(number) if seed not in set(known["seed"])]
        if missing:
            judged = cell.is_judged.to_numpy()
            signals = cell.signals.set_index("pair_id")[judged]
            found = simulate_decisions(signals, cell.is_wrong, DECISIONS, missing)
            facts = {name: cell.facts[name] for name in ("cell", "noise", "ratio")}
            rows = pd.concat([rows, found.assign(**facts)], ignore_index=True)
            write_table(path, rows)
        report(done + 1, len(cells))
    write_json(folder / FILE, {"decisions": DECISIONS, "settings": _settings(rows[rows["seed"] < number])})


def _settings(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Figures of each noise kind and ratio, and of all together."""
    grouped = rows.groupby(["noise", "ratio"], sort=False, dropna=False)
    named = [(f"{noise}" if np.isnan(ratio) else f"{noise} {ratio:.0%}", some) for (noise, ratio), some in grouped]
    return [{"noise": name, **_figures(some)} for name, some in [*named, (ALL, rows)]]


def _figures(rows: pd.DataFrame) -> dict[str, Any]:
    """Average precision of each arm, gains with a bootstrap over cells, coverage of the interval for what is left."""
    precision = rows.pivot_table("average_precision_all", ["cell", "seed"], "arm").groupby("cell").mean()
    draws = np.random.default_rng(0).integers(0, len(precision), (RESAMPLES, len(precision)))
    found: dict[str, Any] = {arm: float(precision[arm].mean()) for arm in precision}
    for name, arm in GAINS.items():
        gain = (precision["proposed"] - precision[arm]).to_numpy()
        one = interval(float(gain.mean()), gain[draws].mean(1))
        found[f"above {name}"] = {"value": one.value, "low": one.low, "high": one.high}
    left = rows[rows["arm"] == "proposed"]
    width = (left["high"] - left["low"]) / left["remaining_truth"].clip(lower=1)
    return found | {
        "covered": float(left["covered"].astype(float).mean()),
        "simulations": len(left),
        "width": float(width.mean()),
    }


def print_annotators(folder: Path) -> None:
    """Print the figures, if there are any."""
    if not (folder / FILE).exists():
        return
    found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    number = found["decisions"]
    table = Table(
        "noise", "AP before", f"{number} random", f"{number} proposed", *(f"above {name}" for name in GAINS),
        "what is left: covered", "simulations", "width ÷ truth",
        title=f"After {number} simulated decisions (average precision over all pairs, decided ones by their verdict)",
    )  # fmt: skip
    for row in found["settings"]:
        gains = [row[f"above {name}"] for name in GAINS]
        table.add_row(
            row["noise"],
            *(f"{row[arm]:.3f}" for arm in ("none", "random", "proposed")),
            *(f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]" for one in gains),
            f"{row['covered']:.0%}",
            str(row["simulations"]),
            f"{row['width']:.2f}",
        )
    console = Console()
    console.width = max(console.width, 170)
    console.print(table)
