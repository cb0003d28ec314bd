"""Solutions that outlive a killed process: what took long to solve is read again by the run that goes on.

A file is named after the right-hand sides, bit by bit, and the configuration, so that no solution can be taken for
another. The folder goes away with the step that needed it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.curvature.gauss_newton import GaussNewton
from engine.curvature.inverse import InverseCurvature, IterativeInverse
from engine.curvature.solve import Solution, SolveStatus
from engine.runs import finished_as

KEPT_FROM_SECONDS = 2.0
"""solves that took less are quicker done again than kept"""


class KeptInverse:
    """An inverse curvature, built when something has to be solved that no process before has.

    Args:
        build: makes the inverse; may take as long as a solve.
        folder: where solutions are kept; made when there is one.
        key: of everything that the inverse depends on.
    """

    def __init__(self, build: Callable[[], InverseCurvature], folder: Path, key: str) -> None:
        self._build, self._folder, self._key = build, folder, key

    @cached_property
    def built(self) -> InverseCurvature:
        """The inverse itself."""
        return self._build()

    @property
    def damping(self) -> float:
        """The absolute damping in force."""
        return self.built.damping

    def solve(self, gradients: Tensor) -> Solution:
        """H⁻¹ g for each row of `gradients`, `[queries, parameters]`; read where it was kept.

        Raises:
            SolveError: as the inverse itself.
            StorageError: if the disk is full or read-only.
        """
        path = self._folder / f"{self._digest(gradients)}.safetensors"
        if (kept := _read(path, gradients)) is not None:
            return kept
        started = time.monotonic()
        found = self.built.solve(gradients)
        if time.monotonic() - started >= KEPT_FROM_SECONDS:
            self._folder.mkdir(exist_ok=True)
            with finished_as(path) as part:
                save_file(
                    {"values": found.values.contiguous(), "residuals": found.residuals.contiguous()},
                    part,
                    {"iterations": str(found.iterations), "status": found.status.name},
                )
        return found

    def _digest(self, gradients: Tensor) -> str:
        rows = gradients.detach().cpu().contiguous().numpy()
        digest = hashlib.sha256(f"{self._key} {rows.dtype} {rows.shape}".encode())
        digest.update(rows.data)
        return digest.hexdigest()


def gauss_newton_of(inverse: InverseCurvature) -> GaussNewton | None:
    """The operator that an inverse inverts, if it is Gauss–Newton."""
    inner = inverse.built if isinstance(inverse, KeptInverse) else inverse
    is_gauss_newton = isinstance(inner, IterativeInverse) and isinstance(inner.operator, GaussNewton)
    return inner.operator if is_gauss_newton else None


def _read(path: Path, like: Tensor) -> Solution | None:
    """A kept solution; None if there is none, or not a whole one."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            values, residuals = file.get_tensor("values"), file.get_tensor("residuals")
            said = file.metadata() or {}
        status, iterations = SolveStatus[said["status"]], int(said["iterations"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return None
    if values.shape != like.shape or not bool(torch.isfinite(values).all()):
        return None
    return Solution(values.to(like), residuals.to(like), iterations, status)
