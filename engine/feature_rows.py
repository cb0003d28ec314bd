"""Rows of features that are not held in memory: mapped from a file, gathered a batch or a chunk at a time.

Features of a million pairs are some gigabytes. On the CPU a mapped file is a tensor like any other, and the system
keeps as much of it in memory as there is room. Where rows have to be moved to an accelerator or to another precision,
or only some of them are meant, `FeatureRows` does so for the rows asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from engine.directional import FeatureMap

ROWS_AT_ONCE = 2**12
HELD_BYTES = 2**26
"""features smaller than that are simply held"""
DEVICE_BYTES = 2**31
"""features of one side that an accelerator holds; larger ones are moved to it a batch at a time"""


@dataclass(frozen=True)
class FeatureRows:
    """Some rows of a table, in the order of `positions`, on another device or in another precision if need be."""

    table: Tensor
    """`[all rows, dim]`, perhaps mapped from a file"""
    positions: Tensor | None
    """of the rows meant, `[rows]`, on the CPU; None: all"""
    device: torch.device
    dtype: torch.dtype

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.table) if self.positions is None else len(self.positions)

    @property
    def shape(self) -> torch.Size:
        """`[rows, dim]`."""
        return torch.Size((len(self), self.table.shape[1]))

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """These rows, `[rows, dim]`, in memory."""
        if isinstance(rows, Tensor):
            rows = rows.cpu()
        where = rows if self.positions is None else self.positions[rows]
        found = self.table[where]
        if self.device.type == "cuda":
            found = found.pin_memory()
        return found.to(self.device, self.dtype, non_blocking=self.device.type == "cuda")


@dataclass(frozen=True)
class UnitRows:
    """Unit features of one side of a feature map, computed for the rows asked for whenever they are."""

    feature_map: FeatureMap
    kind: str
    """image or text"""
    num_rows: int

    def __len__(self) -> int:
        """Number of rows."""
        return self.num_rows

    @property
    def shape(self) -> torch.Size:
        """`[rows, embed_dim]`."""
        return torch.Size((self.num_rows, self[:1].shape[1]))

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Unit features of these rows, `[rows, embed_dim]`."""
        if isinstance(rows, slice):
            rows = torch.arange(self.num_rows)[rows]
        texts, images = (rows if self.kind == kind else rows[:0] for kind in ("text", "image"))
        return getattr(self.feature_map.features(texts, images), self.kind)


@dataclass(frozen=True)
class StackedRows:
    """The rows of one table below those of another."""

    first: Rows
    second: Rows

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.first) + len(self.second)

    def __getitem__(self, rows: slice) -> Tensor:
        """Rows from start to stop, `[rows, dim]`."""
        start, stop, _ = rows.indices(len(self))
        here = len(self.first)
        upper = self.first[slice(min(start, here), min(stop, here))]
        lower = self.second[slice(max(start, here) - here, max(stop, here) - here)]
        return torch.cat([upper, lower.to(upper)])


Rows = Tensor | FeatureRows | UnitRows | StackedRows
"""a table of features, `[rows, dim]`: indexed by a tensor of positions or a slice it gives rows in memory"""


def mapped(path: Path, device: torch.device, dtype: torch.dtype) -> Rows:
    """The array of a .npy file, mapped; on the device and in the precision asked for.

    Raises:
        OSError, ValueError: if the file cannot be read as an array of numbers.
    """
    is_small = path.stat().st_size <= HELD_BYTES  # nor can an empty one be mapped
    table = torch.from_numpy(np.load(path, mmap_mode=None if is_small else "c", allow_pickle=False))
    moved_bytes, most = table.numel() * dtype.itemsize, HELD_BYTES if device.type == "cpu" else DEVICE_BYTES
    if moved_bytes <= most or (table.device == device and table.dtype == dtype):
        return table.to(device, dtype)
    return FeatureRows(table, None, device, dtype)


def chosen(rows: Rows, positions: Tensor) -> Rows:
    """The rows at these positions, `[positions, dim]`; only small ones are held."""
    if isinstance(rows, FeatureRows):
        positions = positions.cpu()
        inner = positions if rows.positions is None else rows.positions[positions]
        return FeatureRows(rows.table, inner, rows.device, rows.dtype)
    if len(positions) and _follow_each_other(positions):
        return rows[int(positions[0]) : int(positions[-1]) + 1]
    if len(positions) * rows.shape[1] * rows.element_size() <= HELD_BYTES or rows.device.type != "cpu":
        return rows[positions.to(rows.device)]
    return FeatureRows(rows, positions.cpu(), rows.device, rows.dtype)


def chunks_of(num_rows: int, size: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Slices that cover all rows in order."""
    for first in range(0, num_rows, size):
        yield slice(first, min(first + size, num_rows))


def kept_aside(chunks: Iterator[Tensor], num_rows: int, width: int, like: Tensor, folder: Path) -> Tensor:
    """Chunks of a table below each other, `[num_rows, width]`: held if small, else in a file that nobody sees.

    Args:
        chunks: `[rows, width]` each.
        num_rows: of all together.
        width: columns.
        like: gives dtype and device.
        folder: on whose disk the file lies; it is gone when the tensor is.
    """
    if num_rows * width * like.element_size() <= HELD_BYTES:
        return torch.cat([like.new_zeros(0, width), *chunks])
    with tempfile.TemporaryFile(dir=folder) as file:
        found = torch.from_numpy(np.memmap(file, like.cpu().numpy().dtype, "w+", shape=(num_rows, width)))
    first = 0
    for chunk in chunks:
        found[first : first + len(chunk)] = chunk
        first += len(chunk)
    return found


def _follow_each_other(positions: Tensor) -> bool:
    return int(positions[-1]) - int(positions[0]) + 1 == len(positions) and bool((positions.diff() == 1).all())
