"""The experiment: plant noise, let the detector look, judge every column; one cell per noise kind, ratio and seed.

A cell leaves `cells/NAME.parquet` (one row per training pair: the truth, then what the detector said) and
`cells/NAME.npy` (figures with their bootstrap), then its row in cells.parquet, which says that it is finished. The same
call goes on where a killed one stopped.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from engine.crossfit.inputs import PairInputs, inputs_of_run
from engine.detection.annotators import simulate_annotators
from engine.detection.cells import TRUTH, rows_of
from engine.detection.detectors import Detector, detector
from engine.detection.judge import FIGURES, figures, resample_weights
from engine.detection.made_wrong import made_wrong
from engine.detection.noise import Noise
from engine.detection.options import DetectionOptions
from engine.detection.report import write_report
from engine.detection.summary import summary
from engine.errors import RunFolderDamaged
from engine.locks import locked_folder
from engine.progress import RunProgress
from engine.runs import RunFolder, finished_as, write_json, write_table


def run_detection(
    run: RunFolder, options: DetectionOptions, detect: Detector | None = None, console: Console | None = None
) -> Path:
    """Do or continue the experiment and write its tables, summary and plots.

    Args:
        run: a run whose features are finished.
        options: of the experiment.
        detect: the detector; default the one that the options name.
        console: terminal for progress bars; None draws none.

    Returns:
        The experiment's folder, `RUN/detection/KEY`.

    Raises:
        RunFolderPartial: if the run has no features yet.
        RunFolderError: if another process is at it.
        ConfigError: if the noise cannot be planted, or recorded noise has no wrong or no right pair.
        PairsError: if the truth cannot be read.
    """
    detect = detect or detector(options.detector)
    folder = run.path / "detection" / options.key
    inputs = inputs_of_run(run)
    with locked_folder(folder, "an experiment that nobody else is computing"):
        if not (folder / "detection.html").exists():
            _experiment(run, inputs, options, detect, folder, console)
        if options.annotators:
            _annotators(folder, options, console)
    return folder


def _annotators(folder: Path, options: DetectionOptions, console: Console | None) -> None:
    with (
        RunProgress(folder / "progress.json", 1, console).running() as progress,
        progress.step(0, "Simulating annotators", len(options.cells)) as report,
    ):
        simulate_annotators(folder, options.annotators, report)


def _experiment(
    run: RunFolder,
    inputs: PairInputs,
    options: DetectionOptions,
    detect: Detector,
    folder: Path,
    console: Console | None,
) -> None:
    write_json(folder / "options.json", dataclasses.asdict(options))
    (folder / "cells").mkdir(exist_ok=True)
    pairs = run.table("pairs")
    train = pairs[pairs["split"] == "train"]
    with RunProgress(folder / "progress.json", 2, console).running() as progress:
        with progress.step(0, "Detecting", len(options.cells)) as report:
            rows = rows_of(folder / "cells.parquet")
            for number, (kind, ratio, seed) in enumerate(options.cells):
                if number >= len(rows):
                    rows.append(_cell(inputs, train, options, detect, kind, ratio, seed, folder / "cells"))
                    write_table(folder / "cells.parquet", pd.DataFrame(rows))
                report(number + 1, len(options.cells))
        with progress.step(1, "Summing up", 1):
            cells = pd.DataFrame(rows)
            found = summary(cells, _columns(folder, cells), _figures(folder, cells), folder, options)
            write_json(folder / "summary.json", found)
            write_report(folder, run.run_id, found)


def _cell(
    inputs: PairInputs,
    train: pd.DataFrame,
    options: DetectionOptions,
    detect: Detector,
    kind: str,
    ratio: float | None,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Plant, detect, judge and write one cell; its row in cells.parquet."""
    name = f"{kind}-{seed}" if ratio is None else f"{kind}-{ratio:g}-{seed}"
    given, noise = made_wrong(inputs, train, options, kind, ratio, seed)
    started = time.monotonic()
    table = detect(given, seed)
    seconds = time.monotonic() - started
    ids = train["pair_id"].to_numpy()
    truth = {
        "pair_id": ids,
        "caption_of": ids[noise.positions],
        "is_wrong": noise.is_wrong,
        "is_judged": noise.is_judged,
    }
    own = table.drop(columns=[one for one in ("pair_id", "suspicion_rank") if one in table]).reset_index(drop=True)
    judged = _judged(own, table.attrs.get("signs", {}), noise, options.resamples)
    with finished_as(folder / f"{name}.npy") as part, part.open("wb") as file:
        np.save(file, judged, allow_pickle=False)
    own.attrs = {}  # Parquet would keep them
    write_table(folder / f"{name}.parquet", pd.concat([pd.DataFrame(truth), own], axis=1))
    return {
        "cell": name,
        "noise": kind,
        "ratio": np.nan if ratio is None else ratio,
        "seed": seed,
        "num_pairs": int(noise.is_judged.sum()),
        "num_wrong": int(noise.is_wrong[noise.is_judged].sum()),
        "true_share": float(noise.is_wrong[noise.is_judged].mean()),
        "estimated_share": float(table.attrs.get("estimated_share", np.nan)),
        "seconds": seconds,
    }


def _judged(table: pd.DataFrame, signs: dict[str, int], noise: Noise, resamples: int) -> np.ndarray:
    """`[columns, 1 + resamples, figures]`: as they are, then resampled.

    The resamples draw the same pairs in every cell, so figures of two cells or columns are paired.
    """
    use = noise.is_judged
    weights = resample_weights(int(use.sum()), resamples, seed=0)
    weights = np.concatenate([np.ones_like(weights[:1]), weights])
    parts = [
        figures(signs.get(name, 1) * table[name].to_numpy(dtype=np.float64)[use], noise.is_wrong[use], weights)
        for name in table.columns
    ]
    return np.stack(parts).astype(np.float32)


def _columns(folder: Path, cells: pd.DataFrame) -> list[str]:
    """The judged columns, which every cell must have alike."""
    found = [pd.read_parquet(folder / "cells" / f"{name}.parquet").columns.tolist() for name in cells["cell"]]
    if any(one != found[0] for one in found):
        raise RunFolderDamaged(
            "the same signals in every cell", f"different ones in {folder}", "Delete that folder: the detector changed."
        )
    return [name for name in found[0] if name not in TRUTH]


def _figures(folder: Path, cells: pd.DataFrame) -> np.ndarray:
    """`[cells, columns, 1 + resamples, figures]`."""
    parts = [np.load(folder / "cells" / f"{name}.npy", allow_pickle=False) for name in cells["cell"]]
    found = np.stack(parts)
    if found.shape[-1] != len(FIGURES):
        raise RunFolderDamaged(
            f"{len(FIGURES)} figures per signal", f"{found.shape[-1]} in {folder}", "Delete that folder."
        )
    return found
