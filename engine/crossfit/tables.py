"""The signals table of a run: cross-fitted with its own options, one finished file per seed, so a kill costs one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.crossfit.combine import averaged, seed_table, seeds_of
from engine.crossfit.detect import CrossFitOptions, CrossFitted, cross_fit, folds_of, obstacle
from engine.crossfit.inputs import PairInputs, inputs_of_run
from engine.errors import RunFolderDamaged
from engine.runs import RunFolder, write_json, write_table
from engine.signals.reasons import reasons

Report = Callable[[int, int], None]
BECAUSE = "because_"
SUSPECT = 0.5
"""probability from which a pair is left out of the trainings that are repeated"""


@dataclass(frozen=True)
class Detected:
    """What the detection step finds out."""

    signals: pd.DataFrame
    """pair_id, p_wrong, suspicion, suspicion_rank, reason and the cross-fitted signals; NaN without cross-fitting"""
    record: dict[str, Any]
    """estimated share of wrong pairs with its interval, how well pairs made wrong were found again, the options"""
    notes: list[str]
    """sentences for the run's notes"""


def signals_table(run: RunFolder, report: Report) -> Detected:
    """Cross-fit the training pairs of a run whose features are finished.

    Args:
        run: parts are kept in `RUN/crossfit`.
        report: called with (done, total) folds.
    """
    inputs, config = inputs_of_run(run), run.config
    pairs = run.table("pairs")
    pair_ids = pairs.loc[pairs["split"] == "train", "pair_id"].to_numpy()
    options = CrossFitOptions(config.folds, config.cleaning_rounds)
    if reason := obstacle(inputs, options):
        empty = {name: np.full(len(inputs), np.nan) for name in ("p_wrong", "suspicion", "suspicion_rank")}
        table = pd.DataFrame({"pair_id": pair_ids, **empty, "reason": ""})
        return Detected(
            table, {"is_cross_fitted": False}, [f"{reason} Suspicion ranks by CLIP score and loss instead."]
        )
    seeds = seeds_of(config.seed, 1 if config.cross_fit else config.detection_seeds)
    tables, facts = [], []
    for number, seed in enumerate(seeds):
        table, fact = _one_seed(
            run.path / "crossfit",
            inputs,
            options,
            seed,
            lambda done, of, n=number: report(n * of + done, len(seeds) * of),
        )
        tables.append(table)
        facts.append(fact)
    if config.cross_fit:
        table, fact = _refitted(run, inputs, options, seeds[0], tables[0]["p_wrong"].to_numpy() > SUSPECT, report)
        tables, facts = [table], [fact]
    table = averaged(tables)
    because = table[[name for name in table if name.startswith(BECAUSE)]].rename(
        columns=lambda name: name.removeprefix(BECAUSE)
    )
    influence = table["unseen_influence"].to_numpy() if "unseen_influence" in table else None
    table = table.drop(columns=[name for name in table if name.startswith(BECAUSE)])
    table.insert(0, "pair_id", pair_ids)
    table["reason"] = reasons(because, influence)
    return Detected(table, {**asdict(options), **_summary(facts)}, [])


def _refitted(
    run: RunFolder, inputs: PairInputs, options: CrossFitOptions, seed: int, suspects: np.ndarray, report: Report
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What one seed finds when the run's own training is repeated for every fold, without the suspects so far."""
    from engine.crossfit.refits import Refits

    refits = Refits(run, Path(run.config.cross_fit), folds_of(inputs, options, seed), suspects)
    return _one_seed(run.path / "crossfit" / "refitted", inputs, options, seed, report, refits.inputs)


def _one_seed(
    folder: Path,
    inputs: PairInputs,
    options: CrossFitOptions,
    seed: int,
    report: Report,
    inputs_of_fold: Callable[[int], PairInputs] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What one seed found, from its finished file where there is one."""
    path, facts_path = folder / f"seed-{seed}.parquet", folder / f"seed-{seed}.json"
    if not path.exists():
        parts = folder / f"seed-{seed}"
        found = cross_fit(inputs, options, seed, report, inputs_of_fold, parts)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(facts_path, _facts(found, seed))
        write_table(path, seed_table(found))  # last: its name says that the seed is finished
        shutil.rmtree(parts, ignore_errors=True)
    try:
        return pd.read_parquet(path), json.loads(facts_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderDamaged(
            f"readable files in {folder}", str(error), "Delete that folder and run again: it is computed anew."
        ) from error


def _facts(found: CrossFitted, seed: int) -> dict[str, Any]:
    suspected = found.suspected
    return {
        "seed": seed,
        "share": asdict(suspected.share),
        "round_shares": list(found.round_shares),
        "found_again": suspected.found_again,
    }


def _summary(facts: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds; the interval is the widest."""
    shares = [one["share"] for one in facts]
    kinds = set.intersection(*(set(one["found_again"]) for one in facts))
    return {
        "is_cross_fitted": True,
        "estimated_share": float(np.mean([one["value"] for one in shares])),
        "estimated_share_low": min(one["low"] for one in shares),
        "estimated_share_high": max(one["high"] for one in shares),
        "found_again": {kind: float(np.mean([one["found_again"][kind] for one in facts])) for kind in sorted(kinds)},
        "seeds": facts,
    }
