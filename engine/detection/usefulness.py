"""The experiment: plant noise, flag pairs, clean in each way, train again, and see what the model gets right.

A cell (a noise kind and a seed) leaves `cells/NAME.npz`, one array `[arms, test pairs]` of 0 … 1 per measure, then its
row in cells.parquet, which says that it is finished. The same call goes on where a killed one stopped.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from engine.crossfit.inputs import inputs_of_run
from engine.detection.cleaning import Bench, bench_of, chosen_pairs, right_answers, trained_heads
from engine.detection.detectors import Detector, detector
from engine.detection.made_wrong import made_wrong
from engine.detection.options import ARMS, UsefulnessOptions
from engine.detection.usefulness_report import write_usefulness
from engine.detection.worth import worth
from engine.errors import ConfigError
from engine.locks import locked_folder
from engine.progress import RunProgress
from engine.runs import RunFolder, finished_as, write_json, write_table


def run_usefulness(
    run: RunFolder, options: UsefulnessOptions, detect: Detector | None = None, console: Console | None = None
) -> Path:
    """Do or continue the experiment and write its tables, summary and plot.

    Args:
        run: a run whose features are finished.
        options: of the experiment.
        detect: the detector; default the one that the options name.
        console: terminal for progress bars; None draws none.

    Returns:
        The experiment's folder, `RUN/usefulness/KEY`.

    Raises:
        RunFolderPartial: if the run has no features yet.
        RunFolderError: if another process is at it.
        ConfigError: if noise cannot be planted, or nothing says how many pairs to flag.
        PairsError: if a recorded truth cannot be read.
    """
    detect = detect or detector(options.detector)
    folder = run.path / "usefulness" / options.key
    bench = bench_of(run, inputs_of_run(run))
    if bench.inputs.validation is None:
        raise ConfigError("a run with validation pairs", f"none in {run.path}", "Give it --validation.")
    with locked_folder(folder, "an experiment that nobody else is computing"):
        if not (folder / "usefulness.html").exists():
            _experiment(bench, options, detect, folder, console)
    return folder


def _experiment(
    bench: Bench, options: UsefulnessOptions, detect: Detector, folder: Path, console: Console | None
) -> None:
    write_json(folder / "options.json", dataclasses.asdict(options))
    (folder / "cells").mkdir(exist_ok=True)
    with RunProgress(folder / "progress.json", 1, console).running() as progress:
        with progress.step(0, "Cleaning and training", len(options.cells)) as report:
            path = folder / "cells.parquet"
            rows = pd.read_parquet(path).to_dict("records") if path.exists() else []
            for number, cell in enumerate(options.cells):
                if number >= len(rows):
                    rows.append(_cell(bench, options, detect, *cell, folder / "cells"))
                    write_table(path, pd.DataFrame(rows))
                report(number + 1, len(options.cells))
        cells = pd.DataFrame(rows)
        answers = []
        for name in cells["cell"]:
            with np.load(folder / "cells" / f"{name}.npz", allow_pickle=False) as arrays:
                answers.append({measure: arrays[measure] for measure in arrays.files})
        found = {"options": dataclasses.asdict(options), **worth(cells, answers, options.resamples)}
        write_json(folder / "summary.json", found)
        write_usefulness(folder, bench.run.run_id, found)


def _cell(
    bench: Bench, options: UsefulnessOptions, detect: Detector, kind: str, ratio: float | None, seed: int, folder: Path
) -> dict[str, Any]:
    given, noise = made_wrong(bench.inputs, bench.train, options, kind, ratio, seed)
    table = detect(given, seed)
    if options.share is None and "p_wrong" not in table:
        raise ConfigError("--share, or a detector that estimates probabilities", "neither", "Give --share.")
    probably = 0 if options.share else int((table["p_wrong"] > 0.5).sum())
    count = round(options.share * len(given)) if options.share else probably
    suspicion = table["suspicion"].to_numpy()
    chosen = {arm: chosen_pairs(arm, suspicion, noise, count, seed) for arm in ARMS}
    started = time.monotonic()
    answers = [
        right_answers(bench, trained_heads(bench, given, noise, some, options, seed)) for some in chosen.values()
    ]
    name = f"{kind}-{seed}"
    with finished_as(folder / f"{name}.npz") as part, part.open("wb") as file:
        np.savez(file, **{measure: np.stack([one[measure] for one in answers]) for measure in answers[0]})
    return {
        "cell": name,
        "noise": kind,
        "seed": seed,
        "num_pairs": len(given),
        "num_wrong": int(noise.is_wrong.sum()),
        "num_flagged": count,
        "flagged_precision": float(noise.is_wrong[chosen["flagged"]].mean()) if count else float("nan"),
        "training_seconds": (time.monotonic() - started) / len(ARMS),
    }
