"""Works and subjects that the processes of a cluster import from here."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import PairsError


@dataclass(frozen=True)
class Folder:
    """A folder as a subject."""

    path: Path

    def open(self) -> Path:
        """Who opened it is written there."""
        (self.path / f"opened-{os.getpid()}").touch()
        return self.path

    def device(self) -> torch.device:
        """Of everything here."""
        return torch.device("cpu")


@dataclass(frozen=True)
class Weighed:
    """Numbers of very different size, whose sum depends on the order of adding."""

    weights: torch.Tensor

    def __call__(self, folder: Path, part: int) -> tuple[torch.Tensor, torch.Tensor]:
        """From the part's number; slower ones first, so that they end in another order."""
        time.sleep(0.02 if part % 7 == 0 else 0)
        draw = torch.randn(50, generator=torch.Generator().manual_seed(part), dtype=torch.float64)
        return draw * 10.0 ** (part % 12) * self.weights, draw[:1]


@dataclass(frozen=True)
class Dies:
    """Kills its process at one part, as often as it may."""

    at: int
    times: int

    def __call__(self, folder: Path, part: int) -> int:
        """The part's number."""
        deaths = folder / f"deaths-{part}"
        died = deaths.stat().st_size if deaths.exists() else 0
        if part == self.at and died < self.times:
            with deaths.open("ab") as file:
                file.write(b".")
            os.kill(os.getpid(), signal.SIGKILL)
        return part


@dataclass(frozen=True)
class Refuses:
    """Raises at one part."""

    at: int
    error: str

    def __call__(self, folder: Path, part: int) -> int:
        """The part's number; how often it was tried is written to the folder."""
        if part == self.at:
            with (folder / "tried").open("ab") as file:
                file.write(b".")
            raise {"ours": PairsError("a", "b", "Check it."), "memory": MemoryError("no room")}[self.error]
        return part


@dataclass(frozen=True)
class Counted:
    """Says how far it has come."""

    def __call__(self, folder: Path, part: int) -> Any:
        """The part's number and the process."""
        (folder / f"began-{part:03d}").touch()
        return part, os.getpid()
