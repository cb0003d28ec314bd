"""What a process of a cluster does: it opens subjects once, keeps the work of the pass, and does one part at a time."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Sequence
from typing import Any

import torch

from engine.executors.interface import Subject, Work, group_sum, on_device


@dataclasses.dataclass(frozen=True)
class GroupSum:
    """The sum of a work over a group of parts, as a work of its own."""

    work: Work

    def __call__(self, subject: Any, group: Sequence[Any]) -> tuple[torch.Tensor, ...]:
        """Σ over the group, one part after the other."""
        return group_sum(subject, self.work, group)


class Worker:
    """One process of a cluster.

    Args:
        num_threads: of torch.
    """

    def __init__(self, num_threads: int) -> None:
        torch.set_num_threads(num_threads)
        self._opened: dict[Subject, Any] = {}
        self._work: tuple[str, Work] | None = None

    def ready(self) -> tuple[str, int]:
        """The machine's name and the process's number, once it is there."""
        return socket.gethostname(), os.getpid()

    def do(self, subject: Subject, pass_id: str, work: list[Any], part: Any) -> Any:
        """What the work gives for one part, on the CPU.

        Args:
            subject: opened here the first time it is asked for.
            pass_id: the same for all parts of a pass: its work is fetched once.
            work: a reference to it; in a list, so that it is not fetched for every part.
            part: what to do it on.
        """
        if subject not in self._opened:
            self._opened[subject] = subject.open()
        device = subject.device()
        if self._work is None or self._work[0] != pass_id:
            import ray

            self._work = None  # the one before makes room
            self._work = (pass_id, on_device(ray.get(work[0]), device))
        return on_device(self._work[1](self._opened[subject], on_device(part, device)), "cpu")
