"""Passes in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from engine.executors.interface import Work, added, group_sum, groups_of


@dataclass(frozen=True)
class LocalPasses:
    """Passes over a subject that is open here, one part after the other."""

    subject: Any

    def summed(self, work: Work, parts: Sequence[Any]) -> tuple[Tensor, ...]:
        """Σ over the parts; a part, a group's sum and the sum of all are in memory at a time."""
        return added(group_sum(self.subject, work, group) for group in groups_of(parts))

    def mapped(self, work: Work, parts: Sequence[Any]) -> Iterator[Any]:
        """What `work` gives for every part, computed as it is asked for."""
        return (work(self.subject, part) for part in parts)
