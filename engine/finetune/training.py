"""The loop: AdamW on recorded batches, with a cosine schedule, from any checkpoint on to the same end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from engine.batches import BatchSegmentation, consecutive_batches, seeded_segmentations
from engine.config import LEAST_PAIRS
from engine.contrastive import LOSSES, ContrastiveLoss
from engine.directional import logits_of
from engine.errors import BatchesError, TrainingError
from engine.finetune.checkpoint import Position, read_checkpoint, write_checkpoint
from engine.finetune.learners import Learner, Parameters
from engine.finetune.recipe import Recipe
from engine.pairs import PairSet

Report = Callable[[int, int], None]
GRADIENT_EPOCHS_OF_HEADS = 50
HALF_WORDS = "Use --dtype float32 where half precision overflows."


@dataclass(frozen=True)
class Task:
    """Everything a training needs but the learner."""

    recipe: Recipe
    pairs: pd.DataFrame
    """training pairs, then validation pairs; rows of the learner"""
    num_train: int
    segmentations: tuple[BatchSegmentation, ...]
    """one per epoch, of all training pairs: positions are rows"""

    @property
    def loss(self) -> ContrastiveLoss:
        """The training loss."""
        return LOSSES[self.recipe.loss]

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return len(self.segmentations[0].batches)

    @property
    def nominal_batch_size(self) -> float:
        """Training pairs per batch before anything is left out: what Σ pair losses of a batch is divided by."""
        return self.num_train / self.steps_per_epoch

    @property
    def gradient_epochs(self) -> int:
        """Segmentations over which ‖∇J‖ is taken; one where each costs a pass of the encoders."""
        return min(self.recipe.epochs, GRADIENT_EPOCHS_OF_HEADS if self.recipe.tier == "heads" else 1)

    @property
    def train_ids(self) -> pd.Series:
        """Ids of the training pairs, in row order."""
        return self.pairs["pair_id"].iloc[: self.num_train]

    def batches_without(self, left_out: np.ndarray, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch in which the rows `left_out` are missing."""
        return [batch[~np.isin(batch, left_out)] for batch in self.segmentations[epoch].batches]


@dataclass(frozen=True)
class Fitted:
    """A finished training."""

    parameters: Parameters
    epochs: list[dict[str, float]]
    """epoch (from 1; its batches are segmentation epoch − 1), learning_rate, losses in nats per pair, seconds"""
    loss_before: float
    """validation loss at the start, nats per pair"""
    gradient_norm: float
    """‖∇J‖ at the end, over the batches of the last `Task.gradient_epochs` epochs"""


def training_task(recipe: Recipe, data: PairSet) -> Task:
    """The batches of every epoch: seeded, with the epoch number as the number of the segmentation.

    Raises:
        BatchesError: if there are too few pairs, or a batch is too small for the loss.
    """
    train, held_out = (data.pairs[data.pairs["split"] == split] for split in ("train", "validation"))
    conflicts = np.stack([pd.factorize(train["content_hash"])[0], pd.factorize(train["caption"])[0]], axis=1)
    segmentations, _ = seeded_segmentations(conflicts, recipe.batch_size, recipe.epochs, recipe.seed)
    sizes = {
        "training": min(len(batch) for batch in segmentations[0].batches),
        "validation": min((len(b) for b in consecutive_batches(len(held_out), recipe.batch_size)), default=0),
    }
    for split, size in sizes.items():
        if size < LEAST_PAIRS[recipe.loss]:
            raise BatchesError(
                f"at least {LEAST_PAIRS[recipe.loss]} pairs in every batch for --loss {recipe.loss}",
                f"a batch of {size} {split} pairs",
                "Choose another --batch-size.",
            )
    both = pd.concat([train, held_out], ignore_index=True)
    return Task(recipe, both, len(train), tuple(segmentations))


def fit(task: Task, learner: Learner, left_out: np.ndarray, checkpoint: Path | None, report: Report) -> Fitted:
    """Train, or go on from a checkpoint.

    Args:
        task: recipe, pairs, batches.
        learner: at θ_start; not changed.
        left_out: rows of training pairs that are missing from their batches.
        checkpoint: file to go on from and to write; None keeps everything in memory.
        report: called with (steps done, steps).

    Raises:
        TrainingError: if a loss or gradient is not finite.
        RunFolderDamaged: if the checkpoint cannot be read.
    """
    recipe = task.recipe
    loss_before = _finite(mean_validation_loss(task, learner, learner.start), recipe, 0)
    parameters = {name: part.detach().clone() for name, part in learner.start.items()}
    optimizer = torch.optim.AdamW(list(parameters.values()), weight_decay=recipe.weight_decay)
    position = Position() if checkpoint is None else read_checkpoint(checkpoint, parameters, optimizer)
    device = next(iter(parameters.values())).device.type
    scaler = torch.amp.GradScaler(device, enabled=recipe.dtype == "float16")
    if scaler.is_enabled() and position.scaler:
        scaler.load_state_dict(position.scaler)
    per_epoch = task.steps_per_epoch
    every = recipe.checkpoint_steps or per_epoch
    kept = task.num_train - len(left_out)
    started, batches = time.monotonic() - position.seconds, task.batches_without(left_out, 0)
    for step in range(position.step, recipe.epochs * per_epoch):
        epoch, index = divmod(step, per_epoch)
        if index == 0 or step == position.step:
            batches = task.batches_without(left_out, epoch)
        rate = learning_rate(recipe, step, recipe.epochs * per_epoch)
        position.epoch_loss += _step(task, learner, parameters, optimizer, scaler, batches[index], rate, step)
        position.step, position.seconds = step + 1, time.monotonic() - started
        if index + 1 == per_epoch:
            position.epochs.append(
                {
                    "epoch": epoch + 1,
                    "learning_rate": rate,
                    "train_loss": position.epoch_loss / kept,
                    "validation_loss": _finite(mean_validation_loss(task, learner, parameters), recipe, epoch + 1),
                    "seconds": round(time.monotonic() - started, 3),
                }
            )
            position.epoch_loss, position.seconds, started = 0.0, 0.0, time.monotonic()
        if checkpoint is not None and position.step % every == 0:
            position.scaler = scaler.state_dict()
            write_checkpoint(checkpoint, position, parameters, optimizer)
        report(position.step, recipe.epochs * per_epoch)
    return Fitted(parameters, position.epochs, loss_before, _gradient_norm(task, learner, parameters, left_out))


def learning_rate(recipe: Recipe, step: int, num_steps: int) -> float:
    """Linear warm-up, then a cosine down to zero."""
    warm = round(recipe.warmup * num_steps)
    highest = recipe.learning_rate_in_force
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, num_steps - warm)))


def mean_validation_loss(task: Task, learner: Learner, parameters: Parameters) -> float:
    """Σ pair losses over consecutive validation batches / validation pairs, nats per pair."""
    count, total = len(task.pairs) - task.num_train, 0.0
    for batch in consecutive_batches(count, task.recipe.batch_size):
        features = learner.features(parameters, torch.from_numpy(batch + task.num_train))
        total += float(task.loss.pair_losses(logits_of(features)).sum())
    return total / count


def _step(
    task: Task,
    learner: Learner,
    parameters: Parameters,
    optimizer: torch.optim.AdamW,
    scaler: torch.amp.GradScaler,
    batch: np.ndarray,
    rate: float,
    step: int,
) -> float:
    """One AdamW step in place; the sum of the pair losses before it. A batch that is left out whole is a step, too."""
    first = next(iter(parameters.values()))
    factor = scaler.scale(first.new_ones(())) / task.nominal_batch_size
    total, gradient = 0.0, {name: torch.zeros_like(part) for name, part in parameters.items()}
    if len(batch):
        summed, gradient = learner.gradient(parameters, torch.from_numpy(batch), task.loss, factor)
        total = _finite(float(summed), task.recipe, step // task.steps_per_epoch + 1)
    for name, part in parameters.items():
        part.grad = gradient[name]
    optimizer.param_groups[0]["lr"] = rate
    scaler.unscale_(optimizer)
    if task.recipe.damping:
        for name, part in parameters.items():
            part.grad.add_(part - learner.start[name], alpha=task.recipe.damping)
    scaler.step(optimizer)
    scaler.update()
    if scaler.is_enabled() and scaler.get_scale() < 1.0:
        raise TrainingError(
            "gradients that float16 can hold",
            f"half-precision overflow in epoch {step // task.steps_per_epoch + 1} at every scale",
            HALF_WORDS,
        )
    optimizer.zero_grad()
    return total


def _finite(loss: float, recipe: Recipe, epoch: int) -> float:
    if math.isfinite(loss):
        return loss
    half = recipe.dtype in ("float16", "bfloat16")
    if epoch == 0:
        fix = HALF_WORDS if half else "The weights of the model or of the adapter are damaged."
        raise TrainingError("a finite loss", f"{loss} before training", fix)
    words = f"Lower --learning-rate (now {recipe.learning_rate_in_force:g})."
    raise TrainingError("a finite loss", f"{loss} in epoch {epoch}", f"{words} {HALF_WORDS}" if half else words)


def _gradient_norm(task: Task, learner: Learner, parameters: Parameters, left_out: np.ndarray) -> float:
    """‖∇J‖ over the batches of the last epochs, as many as `Task.gradient_epochs`."""
    share = 1.0 / (task.num_train * task.gradient_epochs)
    total = {name: task.recipe.damping * (part - learner.start[name]) for name, part in parameters.items()}
    # the share comes after the reverse pass: float16 would round a gradient so small to nothing
    factor = next(iter(parameters.values())).new_ones(())
    for epoch in range(task.recipe.epochs - task.gradient_epochs, task.recipe.epochs):
        for batch in task.batches_without(left_out, epoch):
            if len(batch):
                _, gradient = learner.gradient(parameters, torch.from_numpy(batch), task.loss, factor)
                total = {name: part + share * gradient[name] for name, part in total.items()}
    norm = sum(float(part.cpu().double().square().sum()) for part in total.values()) ** 0.5
    return _finite(norm, task.recipe, task.recipe.epochs)
