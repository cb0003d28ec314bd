"""`ecif finetune`: pairs → start → training → model or adapter in a folder; a killed one goes on where it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from engine.batches import BatchSegmentation, segmentations_table
from engine.errors import PairsError, RunFolderPartial
from engine.finetune.learners import Learner, Report, load_learner
from engine.finetune.recipe import Recipe
from engine.finetune.record import TrainingFolder, begin, now
from engine.finetune.training import Fitted, Task, fit, training_task
from engine.locks import locked_folder
from engine.memory import memory_errors, watched_memory
from engine.pairs import PairSet, ReadOptions, load_data_set
from engine.progress import RunProgress
from engine.runs import finished_as, write_table

CHECKPOINT = "checkpoint.safetensors"


def finetune(recipe: Recipe, console: Console | None = None) -> TrainingFolder:
    """Train, or go on with what `recipe.out` holds.

    Args:
        recipe: what to train on what.
        console: terminal for progress bars; None draws none.

    Returns:
        The finished folder: model/ or adapter/, batches.parquet, finetune.json.

    Raises:
        EcifError: whatever a user can mend, as one sentence.
    """
    return _locked(recipe.with_absolute_paths(), (), None, console)


def retrain_without(
    folder: str | Path, pair_ids: Collection[str], out: str | Path, console: Console | None = None
) -> TrainingFolder:
    """Repeat a training from the same start and in the same order, with some pairs missing from their batches.

    Args:
        folder: of the finished training.
        pair_ids: training pairs to leave out; others are passed over. None at all gives the same weights again.
        out: folder of the new training.
        console: terminal for progress bars; None draws none.

    Returns:
        The finished folder.

    Raises:
        PairsError: if ids are given and none is a training pair's, or all training pairs are.
        EcifError: whatever else a user can mend.
    """
    origin = TrainingFolder.open(folder)
    if not origin.is_finished:
        raise RunFolderPartial("a finished training", f"an unfinished one in {folder}", "Finish it: run it again.")
    recipe = dataclasses.replace(origin.recipe, out=str(out)).with_absolute_paths()
    # a training that left pairs out already is repeated without them and without these
    return _locked(recipe, {*origin.record["without"], *pair_ids}, origin, console)


def load_training(recipe: Recipe) -> tuple[Task, Learner]:
    """Task and learner of a recipe in memory, for many trainings by `engine.finetune.training.fit`."""
    task = training_task(recipe, _data(recipe, lambda done, of: None))
    return task, load_learner(recipe, task.pairs, lambda done, of: None)[0]


def rows_of(task: Task, pair_ids: Collection[str]) -> np.ndarray:
    """Rows of the training pairs with these ids.

    Raises:
        PairsError: if ids are given and none is a training pair's, or all training pairs are.
    """
    is_out = task.train_ids.isin(set(pair_ids)).to_numpy()
    if (len(pair_ids) and not is_out.any()) or is_out.all():
        raise PairsError(
            "some of the training pairs to leave out",
            f"{int(is_out.sum())} of {len(is_out)}",
            "Check the ids: they stand in batches.parquet.",
        )
    return np.flatnonzero(is_out)


def _locked(
    recipe: Recipe, without: Collection[str], again: TrainingFolder | None, console: Console | None
) -> TrainingFolder:
    path = Path(recipe.out)
    with locked_folder(path, "a training that nobody else does"):
        folder = begin(recipe, without, again)
        if not folder.is_finished:
            with (
                RunProgress(path / "progress.json", 4, console).running() as progress,
                memory_errors(),
                watched_memory(progress.say) as halvings,
            ):
                _train(folder, recipe, without, progress, halvings)
        return folder


def _train(
    folder: TrainingFolder, recipe: Recipe, without: Collection[str], progress: RunProgress, halvings: list[str]
) -> None:
    with progress.step(0, "Reading pairs", 1) as report:
        data = _data(recipe, report)
        folder.check_data(data.pairs)
        task = training_task(recipe, data)
        left_out = rows_of(task, without)
        write_table(folder.path / "batches.parquet", _recorded(task, left_out))
    with progress.step(1, "Preparing the model", 1) as report:
        learner, encoder = load_learner(recipe, task.pairs, report)
    with progress.step(2, "Training", 1) as report:
        fitted = fit(task, learner, left_out, folder.path / CHECKPOINT, report)
    with progress.step(3, "Saving", 1):
        if not folder.result.exists():
            with finished_as(folder.result) as part:
                learner.save(fitted.parameters, part)
    notes = [*data.notes, *encoder.notes, *halvings]
    folder.update(notes=notes, **_outcome(task, len(left_out), fitted), finished_at=now())
    (folder.path / CHECKPOINT).unlink(missing_ok=True)


def _data(recipe: Recipe, report: Report) -> PairSet:
    found = load_data_set(
        recipe.pairs, recipe.validation, seed=recipe.seed, options=ReadOptions.of(recipe), progress=report
    )
    present = set(found.pairs["split"])
    if not {"train", "validation"} <= present:
        raise PairsError(
            "readable training and validation pairs",
            f"{len(found.pairs)} pairs with {', '.join(sorted(present)) or 'no split'}",
            "Run `ecif check` on the table to see why rows were rejected.",
        )
    return found


def _recorded(task: Task, left_out: np.ndarray) -> pd.DataFrame:
    """The batches as they were trained on, one segmentation per epoch."""
    cuts = [
        BatchSegmentation(tuple(task.batches_without(left_out, epoch)), task.num_train)
        for epoch in range(task.recipe.epochs)
    ]
    return segmentations_table(cuts, task.train_ids)


def _outcome(task: Task, num_left_out: int, fitted: Fitted) -> dict[str, object]:
    some = next(iter(fitted.parameters.values()))
    return {
        "counts": {
            "train": task.num_train - num_left_out,
            "left_out": num_left_out,
            "validation": len(task.pairs) - task.num_train,
        },
        "num_parameters": sum(part.numel() for part in fitted.parameters.values()),
        "nominal_batch_size": task.nominal_batch_size,
        "steps": task.recipe.epochs * task.steps_per_epoch,
        "device": str(some.device),
        "threads": torch.get_num_threads(),
        "validation_loss_before": fitted.loss_before,
        "epochs": fitted.epochs,
        "gradient_norm": fitted.gradient_norm,
        "gradient_epochs": task.gradient_epochs,
        "seconds": round(sum(one["seconds"] for one in fitted.epochs), 3),
    }
