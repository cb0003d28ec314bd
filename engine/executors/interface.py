"""A pass over data: a small `Work` called with a subject and one part after the other, its results summed or listed.

    subject   what the work needs and cannot travel: the feature map of a split, a model; every process opens its own
    work      a frozen dataclass that can be pickled: what to do, with the directions or losses that it takes
    part      what it is done on: the positions of the pairs of a batch, a shard

Sums are taken in groups of parts whose number follows from the number of parts alone, and the groups are added in their
order. A sum is therefore the same, to the last bit, with one process or with a hundred, whoever finished first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

MOST_GROUPS = 64
"""groups of parts in a sum: what a pass can be divided into, and how many sums travel back from a cluster"""

Work = Callable[[Any, Any], Any]
"""(subject, part) ↦ result. For a sum: a tuple of tensors that nobody else holds, of the same shapes for every part"""


class Passes(Protocol):
    """Where passes over one subject run."""

    def summed(self, work: Work, parts: Sequence[Any]) -> tuple[Tensor, ...]:
        """Σ over the parts of what `work` gives, tensor by tensor; an empty tuple without any part."""

    def mapped(self, work: Work, parts: Sequence[Any]) -> Iterator[Any]:
        """What `work` gives for every part, in order of the parts; only a few results wait in memory."""


class Subject(Protocol):
    """How a process opens what a work is called with; a hashable dataclass that can be pickled."""

    def open(self) -> Any:
        """The subject, from storage that every process sees."""

    def device(self) -> torch.device:
        """Where works and parts belong in that process."""


class Executor(Protocol):
    """Processes that passes can run in."""

    def passes(self, subject: Subject, device: torch.device) -> Passes:
        """Passes over a subject; results come to `device` in this process."""


def groups_of(parts: Sequence[Any]) -> list[Sequence[Any]]:
    """The parts in at most `MOST_GROUPS` runs of one length; the same wherever they are computed."""
    size = max(1, -(-len(parts) // MOST_GROUPS))
    return [parts[first : first + size] for first in range(0, len(parts), size)]


def group_sum(subject: Any, work: Work, group: Sequence[Any]) -> tuple[Tensor, ...]:
    """The sum over the parts of one group, one after the other."""
    return added(work(subject, part) for part in group)


def added(sums: Iterator[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Tensor by tensor, in order; an empty tuple without any."""
    total: tuple[Tensor, ...] = ()
    for found in sums:
        if total:
            for into, one in zip(total, found, strict=True):
                into += one
        else:
            total = found
    return total


def on_device(value: Any, device: torch.device | str) -> Any:
    """The same with its tensors on a device: tuples, lists, dicts and dataclasses are looked through."""
    if isinstance(value, Tensor):
        return value.detach().to(device)
    if isinstance(value, tuple | list):
        return type(value)(on_device(one, device) for one in value)
    if isinstance(value, dict):
        return {name: on_device(one, device) for name, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {one.name: getattr(value, one.name) for one in dataclasses.fields(value) if one.init}
        return dataclasses.replace(value, **on_device(named, device))
    return value
