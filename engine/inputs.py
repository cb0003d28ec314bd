"""What full encoders read: images decoded and prepared by workers a chunk ahead of every pass, and tokens of texts.

Both are kept up to a fixed number of bytes, so memory does not grow with the number of pairs.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from engine.memory import in_chunks_that_fit
from engine.models.interface import DualEncoder
from engine.pairs import open_picture, reading_order

WORKERS = min(16, os.cpu_count() or 1)
"""threads: decoding and resizing leave the interpreter free"""
KEPT_BYTES = 2 * 2**30
KEPT_TOKEN_BYTES = 2**27
"""about 100,000 texts of 77 tokens; a training, whose batches never come again, fills it and no more"""


class Inputs(ABC):
    """What the towers read, by row."""

    encoder: DualEncoder
    """prepares it"""

    @abstractmethod
    def chunks(self, kind: str, rows: Tensor, chunk_size: int) -> Iterator[tuple[slice, Any]]:
        """Prepared inputs of `rows`, a chunk at a time.

        Args:
            kind: "image" or "text".
            rows: which, `[rows]`.
            chunk_size: most rows at once.

        Yields:
            The slice of `rows` and what the encoder's `embed_images` or `embed_texts` takes.
        """

    def in_chunks_that_fit(self, kind: str, rows: Tensor, chunk_size: int, work: Callable[[slice, Any], None]) -> None:
        """`work` on every chunk of `chunks`; see `engine.memory.in_chunks_that_fit`.

        Raises:
            OutOfMemory: if not even a single row fits.
        """

        def chunks(first: int, size: int) -> Iterator[tuple[slice, Any]]:
            for part, prepared in self.chunks(kind, rows[first:], size):
                yield slice(first + part.start, first + part.stop), prepared

        in_chunks_that_fit(len(rows), chunk_size, chunks, work)


@dataclass(frozen=True)
class EncoderInputs(Inputs):
    """Images decoded and texts tokenized when they are needed.

    Args:
        encoder: prepares them.
        images: (folder or container, name in it) of each image row.
        texts: captions, then prompts.
        kept_bytes: prepared images that stay in memory.
    """

    encoder: DualEncoder
    images: list[tuple[str, str]]
    texts: list[str]
    kept_bytes: int = KEPT_BYTES
    _pictures: PicturesAhead = field(init=False, repr=False, compare=False)
    _tokens: dict[bytes, dict[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pictures", PicturesAhead(self._pixels, self._place, self.kept_bytes))

    def chunks(self, kind: str, rows: Tensor, chunk_size: int) -> Iterator[tuple[slice, Any]]:
        """As `Inputs.chunks`; pictures are prepared a chunk ahead, and tokens kept for the next pass."""
        slices = [slice(first, min(first + chunk_size, len(rows))) for first in range(0, len(rows), chunk_size)]
        wanted = [rows[part].tolist() for part in slices]
        if kind == "image":
            yield from zip(slices, self._pictures.of(wanted), strict=True)
            return
        for part, some in zip(slices, wanted, strict=True):
            yield part, self._tokens_of(some)

    def _pixels(self, row: int) -> Tensor:
        """One prepared picture, `[channels, height, width]`."""
        return self.encoder.prepare_images([open_picture(*self.images[row])])[0]

    def _place(self, row: int) -> Any:
        return reading_order(*self.images[row])

    def _tokens_of(self, rows: list[int]) -> dict[str, Tensor]:
        """Tokens of these texts together: how long they are padded depends on who stands with them."""
        key = array("q", rows).tobytes()
        if key in self._tokens:
            return self._tokens[key]
        tokens, _ = self.encoder.prepare_texts([self.texts[row] for row in rows])
        size = sum(part.numel() * part.element_size() for part in tokens.values())
        if size * (len(self._tokens) + 1) <= KEPT_TOKEN_BYTES:
            self._tokens[key] = tokens
        return tokens


class PicturesAhead:
    """Prepared pictures by row: workers are a chunk ahead of whoever asks, also from one batch to the next.

    Passes over the same batches follow each other, so what was asked for after a chunk the last time is prepared while
    that chunk is worked on.

    Args:
        prepare: makes the picture of a row, in a worker.
        place: where a row's picture lies; those of a chunk are read in this order.
        kept_bytes: of pictures that stay.
    """

    def __init__(self, prepare: Callable[[int], Tensor], place: Callable[[int], Any], kept_bytes: int) -> None:
        self._prepare, self._place, self._kept_bytes = prepare, place, kept_bytes
        self._kept: dict[int, Tensor] = {}
        self._coming: dict[int, Future[Tensor]] = {}
        self._after: dict[int, list[int]] = {}
        """the chunk that followed the one with this first row"""
        self._last: int | None = None
        self._lock = Lock()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="pictures")

    def of(self, chunks: list[list[int]]) -> Iterator[Tensor]:
        """Pixels of the rows of each chunk in turn, `[rows, channels, height, width]`."""
        for number, rows in enumerate(chunks):
            futures = self._asked(rows, chunks[number + 1] if number + 1 < len(chunks) else None)
            fresh = {row: future.result() for row, future in futures.items()}
            pixels = torch.stack([fresh[row] if row in fresh else self._kept[row] for row in rows])
            room = self._kept_bytes // (pixels[0].numel() * pixels.element_size()) - len(self._kept)
            self._kept.update(list(fresh.items())[: max(0, room)])
            yield pixels

    def _asked(self, rows: list[int], following: list[int] | None) -> dict[int, Future[Tensor]]:
        """What is under way of the `rows` that are not kept, with the work on the following ones begun."""
        with self._lock:
            if self._last is not None:
                self._after[self._last] = rows
            self._last = rows[0]
            self._ask_for(rows)
            futures = {row: self._coming.pop(row) for row in rows if row in self._coming}
            while self._coming:  # prepared for nothing
                self._coming.popitem()[1].cancel()
            self._ask_for(self._after.get(rows[0], []) if following is None else following)
        return futures

    def _ask_for(self, rows: list[int]) -> None:
        missing = {row for row in rows if row not in self._kept and row not in self._coming}
        for row in sorted(missing, key=self._place):
            self._coming[row] = self._workers.submit(self._prepare, row)
