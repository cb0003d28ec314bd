"""The experiment: fit, retrain without every group, predict every group, judge the predictions.

Every group is a row of truth.parquet as soon as it is retrained; the same call goes on where a killed one stopped.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from engine.config import CURVATURES
from engine.errors import RunFolderPartial
from engine.fidelity.groups import RANDOM
from engine.fidelity.judge import judged, summary
from engine.fidelity.methods import REFINED, linear_predictions
from engine.fidelity.options import FidelityOptions
from engine.fidelity.report import write_report
from engine.fidelity.setting import Setting, fitted_setting, measure
from engine.locks import locked_folder
from engine.progress import RunProgress
from engine.runs import RunFolder, write_json, write_table
from engine.study import load_study

RESTARTS = 3
"""random groups that are retrained a second time, from θ̂, to see whether there is one minimum"""


def run_fidelity(run: RunFolder, options: FidelityOptions, console: Console | None = None) -> Path:
    """Do or continue the experiment and write its tables, summary and plot.

    Args:
        run: a run whose features are finished.
        options: of the experiment.
        console: terminal for progress bars; None draws none.

    Returns:
        The experiment's folder, `RUN/fidelity/KEY`.

    Raises:
        RunFolderPartial: if the run has no features yet.
        RunFolderError: if another process is at it.
        ConfigError: if there are too few training pairs.
    """
    if not run.has("features"):  # scores and traces are not needed
        raise RunFolderPartial("a run with its features", f"{run.path}", "Run its config.json again: it resumes.")
    folder = run.path / "fidelity" / options.key
    with locked_folder(folder, "an experiment that nobody else is computing"):
        if not (folder / "fidelity.html").exists():
            _experiment(run, options, folder, console)
    return folder


def _experiment(run: RunFolder, options: FidelityOptions, folder: Path, console: Console | None) -> None:
    write_json(folder / "options.json", dataclasses.asdict(options))
    with RunProgress(folder / "progress.json", 3, console).running() as progress:
        with progress.step(0, "Fitting the model", 1):
            setting = fitted_setting(load_study(run), options, folder)
        with progress.step(1, "Retraining without groups", 1) as report:
            truth, refined = _retrained(setting, folder, report)
        with progress.step(2, "Judging the predictions", len(CURVATURES)) as report:
            predictions = [_refined_predictions(refined)]
            for number, curvature in enumerate(CURVATURES):
                predictions.append(_linear_predictions(setting, truth, curvature))
                report(number + 1, len(CURVATURES))
            table = pd.concat(predictions, ignore_index=True)
            write_table(folder / "predictions.parquet", table)
            methods = judged(table, truth, options.seed)
            write_table(folder / "methods.parquet", methods)
            found = summary(folder, options, methods, table, truth, _restart_difference(setting, truth))
            write_json(folder / "summary.json", found)
            write_report(folder, run.run_id, methods, table, truth)


def _retrained(setting: Setting, folder: Path, report: Callable[[int, int], None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The truth, one row per group, and the refined what-ifs, one row per group and method."""
    base = measure(setting.fitted)
    kinds = setting.groups.groupby("group").agg(
        kind=("kind", "first"), suspicious_share=("suspicious_share", "first"), size=("position", "size")
    )
    truth = _rows(folder / "truth.parquet")
    refined = [one for one in _rows(folder / "refined.parquet") if one["group"] < len(truth)]
    for number in range(len(truth), len(kinds)):
        group = setting.group(number)
        refined += [
            {"group": number, "method": name, **_edited(setting, group, name, base.validation_loss, base.accuracy)}
            for name in REFINED
        ]
        found = setting.retrained(group)
        after = measure(setting.start.moved(found.change))
        truth.append(
            {
                "group": number,
                **kinds.loc[number].to_dict(),
                "loss_change": after.validation_loss - base.validation_loss,
                "accuracy_change": after.accuracy - base.accuracy,
                "gradient_norm": found.gradient_norm,
                "converged": found.converged,
                "evaluations": found.evaluations,
                "seconds": found.seconds,
            }
        )
        # The truth's row says that the group is finished, so it comes last.
        write_table(folder / "refined.parquet", pd.DataFrame(refined))
        write_table(folder / "truth.parquet", pd.DataFrame(truth))
        report(number + 1, len(kinds))
    return pd.DataFrame(truth), pd.DataFrame(refined)


def _edited(setting: Setting, group: np.ndarray, name: str, loss: float, accuracy: float) -> dict[str, float]:
    started = time.monotonic()
    change = REFINED[name](setting, group)
    seconds = time.monotonic() - started
    after = measure(setting.fitted.moved(change))
    return {
        "loss_change": after.validation_loss - loss,
        "accuracy_change": after.accuracy - accuracy,
        "seconds": seconds,
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    return pd.read_parquet(path).to_dict("records") if path.exists() else []


def _refined_predictions(refined: pd.DataFrame) -> pd.DataFrame:
    own = {"curvature": "", "role": "both", "term": "group", "shared_seconds": 0.0, "status": "", "residual": np.nan}
    return refined.rename(columns={"loss_change": "predicted"}).assign(kind="refined", **own)


def _linear_predictions(setting: Setting, truth: pd.DataFrame, curvature: str) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame(
            {
                "group": truth["group"],
                "method": f"{one.curvature} · {one.role} · {one.term}",
                "predicted": one.predicted,
                "accuracy_change": np.nan,
                "seconds": 0.0,
                "kind": "linear",
                "curvature": one.curvature,
                "role": one.role,
                "term": one.term,
                "shared_seconds": one.seconds,
                "status": one.status,
                "residual": one.residual,
            }
        )
        for one in linear_predictions(setting, curvature)
    )


def _restart_difference(setting: Setting, truth: pd.DataFrame) -> float:
    """Largest difference of the retrained change of loss when training starts at θ̂, relative to the spread of truth."""
    random = truth[truth["kind"] == RANDOM]
    base, differences = measure(setting.fitted).validation_loss, []
    for number, expected in list(zip(random["group"], random["loss_change"], strict=True))[:RESTARTS]:
        found = setting.retrained(setting.group(number), start=setting.fit)
        loss = measure(setting.start.moved(found.change)).validation_loss
        differences.append(abs(loss - base - expected))
    return max(differences) / float(random["loss_change"].std())
