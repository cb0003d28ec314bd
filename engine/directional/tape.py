"""What one pass through a tower has computed, kept for the passes of further directions at the same θ.

A derivative along a direction needs every layer's values, and they are the same for all directions. So the first pass
notes the dear ones, layer by layer in the order of the calls, and the others read them. A tape holds about as much per
pair as the graph of a reverse pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


class Site:
    """The notes of one call of one layer."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, list[int]]] = {}

    def keep(self, name: str, compute: Callable[[], Any]) -> Any:
        """The tensor or tensors that `compute` gave the first time, if nothing has been written into them since."""
        if name in self._known:
            value, versions = self._known[name]
            if versions == _versions(value):
                return value
        value = compute()
        self._known[name] = (_detached(value), _versions(value))
        return value


class Tape:
    """The notes of a whole pass; every `TapeReader` walks them from the start."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.weights = Site()
        """what is computed before the first layer"""


class TapeReader:
    """One pass along a tape; without a tape nothing is kept."""

    def __init__(self, tape: Tape | None) -> None:
        self._tape, self._passed = tape, 0

    def next_site(self) -> Site:
        """The notes of the next call."""
        if self._tape is None:
            return Site()
        self._passed += 1
        if self._passed > len(self._tape.sites):
            self._tape.sites.append(Site())
        return self._tape.sites[self._passed - 1]


def _parts(value: Any) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else tuple(part.detach() for part in value)


def _versions(value: Any) -> list[int]:
    return [part._version for part in _parts(value)]
