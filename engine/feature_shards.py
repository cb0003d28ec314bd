"""Features on disk while they are made: two arrays, written shard by shard in any order and by any process.

    image.npy text.npy   of their whole size from the start
    shards.jsonl         one line per shard that has reached the disk: a killed run goes on with the others

Rows are written, never mapped: several machines may write different shards of one file on shared storage.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelError

LOG_FILE = "shards.jsonl"


@dataclass(frozen=True)
class Shard:
    """Some consecutive rows."""

    first: int
    stop: int
    following: int | None = None
    """where this process will probably go on, to prepare it meanwhile"""


@dataclass(frozen=True)
class FeatureShards:
    """The arrays of some pairs, cut into shards.

    Args:
        folder: that holds the files.
        widths: columns of each array by name, `image` and `text`.
        dtype: of both.
        num_rows: pairs.
        shard_rows: rows of a shard; the last one may be shorter.
    """

    folder: Path
    widths: dict[str, int]
    dtype: np.dtype
    num_rows: int
    shard_rows: int

    def prepare(self) -> None:
        """Make the files, or keep those of a process that was killed if they are for the same pairs and model."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if all(self._is_there(kind) for kind in self.widths):
            return
        (self.folder / LOG_FILE).unlink(missing_ok=True)  # first: what it says is no longer true
        for kind, width in self.widths.items():
            path, shape = self._path(kind), (self.num_rows, width)
            with path.open("wb") as file:
                header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                file.truncate(file.tell() + self.num_rows * width * self.dtype.itemsize)
                os.fsync(file.fileno())

    def write(self, first: int, rows: dict[str, np.ndarray]) -> None:
        """Write rows of both arrays from `first` on, to the disk.

        Raises:
            ModelError: if they are not finite; nothing is written then.
        """
        for kind, values in rows.items():
            check_finite(kind, values)
        for kind, values in rows.items():
            path = self._path(kind)
            row_bytes = self.widths[kind] * self.dtype.itemsize
            start = path.stat().st_size - self.num_rows * row_bytes
            with path.open("r+b") as file:
                file.seek(start + first * row_bytes)
                file.write(np.ascontiguousarray(values, self.dtype).data)
                file.flush()
                os.fsync(file.fileno())

    def finish(self, shard: Shard, cut: int) -> None:
        """Keep that a shard is on the disk, and how many of its captions were cut."""
        with (self.folder / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"first": shard.first, "stop": shard.stop, "cut": cut}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finished(self) -> dict[int, int]:
        """First row of each shard that is on the disk, and how many of its captions were cut."""
        path, found, sound = self.folder / LOG_FILE, {}, 0
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        for line in lines:
            try:
                values = json.loads(line)
                first, stop, cut = (int(values[name]) for name in ("first", "stop", "cut"))
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n") or first % self.shard_rows or stop != self._stop(first):
                break
            found[first], sound = cut, sound + len(line)
        if lines and sound < path.stat().st_size:  # a line that a kill cut off
            os.truncate(path, sound)
        return found

    def unfinished(self) -> list[Shard]:
        """The shards that are still to be written, in order, each with the one after it."""
        done = self.finished()
        firsts = [first for first in range(0, self.num_rows, self.shard_rows) if first not in done]
        following = [*firsts[1:], None] if firsts else []
        return [Shard(first, self._stop(first), then) for first, then in zip(firsts, following, strict=True)]

    def _path(self, kind: str) -> Path:
        return self.folder / f"{kind}.npy"

    def _stop(self, first: int) -> int:
        return min(first + self.shard_rows, self.num_rows)

    def _is_there(self, kind: str) -> bool:
        path = self._path(kind)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            try:
                np.lib.format.read_magic(file)
                shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            except ValueError:
                return False
            size = file.tell() + self.num_rows * self.widths[kind] * self.dtype.itemsize
        expected = (self.num_rows, self.widths[kind]), False, self.dtype
        return (shape, is_fortran, dtype) == expected and path.stat().st_size == size


def check_finite(kind: str, rows: np.ndarray) -> None:
    """Refuse features that are not finite.

    Raises:
        ModelError: says which.
    """
    if not np.isfinite(rows).all():
        raise ModelError(
            "finite features",
            f"NaN or infinity in the {kind} features",
            "The weights are damaged, or overflow in this precision: try --dtype float32 or float64.",
        )
