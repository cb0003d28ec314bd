"""dattri: vmap over data points; a pair alone says nothing of a loss that compares pairs, so its batch goes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils.data import DataLoader, Dataset

from engine.benchmark.alternatives.interface import LOSS, Job, PairModel

PAIRS_AT_ONCE = 4
"""data points under one vmap, each with a whole batch"""


@dataclass(frozen=True)
class AloneInVmap:
    """A data point is a pair, as in every example of dattri's own."""

    name: str = "dattri, a pair is a data point"
    curvature: str = "identity"
    package: str = "dattri"
    how: str = "the loss of a batch of one, which is constant: every score is 0"

    def scores(self, job: Job) -> Tensor:
        """`[pairs]`."""
        points = [(number, 0) for number in range(job.num_pairs)]
        return _gradient_products(job, points, lambda logits, place: LOSS.pair_losses(logits).sum(), alone=True)


@dataclass(frozen=True)
class WithItsBatch:
    """A data point is a pair together with all pairs of its batch, and its loss the removal term."""

    name: str = "dattri, a pair and its batch are a data point"
    curvature: str = "identity"
    package: str = "dattri"
    how: str = (
        "the removal term, exactly, written by hand; every batch is embedded once for each of its pairs. Curvature of "
        "the training loss is out of reach, since curvatures are made of the same data points"
    )

    def scores(self, job: Job) -> Tensor:
        """`[pairs]`."""
        size = job.setting.config.batch_size
        points = [(number, number % size) for number in range(job.num_pairs)]

        def removal(logits: Tensor, place: Tensor) -> Tensor:
            return LOSS.removal_terms(logits).both.gather(0, place.reshape(1))[0]

        return _gradient_products(job, points, removal, alone=False)


class _Points(Dataset):
    """Pictures, tokens and place of data points."""

    def __init__(self, job: Job, points: list[tuple[int, int]], alone: bool) -> None:
        self._job, self._points, self._alone = job, points, alone

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        pair, place = self._points[number]
        first = pair if self._alone else pair - place
        size = 1 if self._alone else self._job.setting.config.batch_size
        pixels, tokens = self._job.rows(torch.arange(first, min(first + size, self._job.num_pairs)))
        return (pixels, *tokens.values(), torch.tensor(place))


class _Query(_Points):
    """The whole validation batch as one data point."""

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        pixels, tokens = self._job.rows(self._job.validation)
        return (pixels, *tokens.values(), torch.tensor(0))


def _gradient_products(
    job: Job, points: list[tuple[int, int]], loss: Callable[[Tensor, Tensor], Tensor], alone: bool
) -> Tensor:
    """⟨∇ query, ∇ loss of a point⟩ of every point, `[points]`, by dattri's TracIn with one checkpoint."""
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    model, names = job.fresh_model().requires_grad_(), tuple(job.setting.inputs.tokens)

    def told(of: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
        def value(parameters: Any, data: tuple[Tensor, ...]) -> Tensor:
            return of(_logits(model, parameters, data, names), data[-1])

        return value

    task = AttributionTask(
        loss_func=told(loss),
        model=model,
        checkpoints=model.state_dict(),
        target_func=told(lambda logits, place: LOSS.pair_losses(logits).sum()),
    )
    attributor = TracInAttributor(
        task,
        weight_list=torch.ones(1),
        normalized_grad=False,
        layer_name=[f"model.{name}" for name in job.weights],
        device=str(job.setting.inputs.pixels.device),
    )
    attributor.projector_kwargs = None  # 0.3.0 projects to 512 numbers whatever its constructor is told
    train = DataLoader(_Points(job, points, alone), batch_size=PAIRS_AT_ONCE)
    return attributor.attribute(train, DataLoader(_Query(job, [(0, 0)], alone), batch_size=1))[:, 0]


def _logits(model: PairModel, parameters: Any, data: tuple[Tensor, ...], names: tuple[str, ...]) -> Tensor:
    tokens = dict(zip(names, data[1:-1], strict=True))
    text, image = functional_call(model, parameters, (data[0],), tokens)
    return model.logit_scale * text @ image.T
