"""What full encoders read: images decoded and texts tokenized anew for every pass, a chunk ahead of it.

Prepared images are kept up to a fixed number of bytes, so memory does not grow with the number of pairs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.memory import in_chunks_that_fit
from engine.models.interface import DualEncoder
from engine.pairs import open_picture, reading_order

DECODE_THREADS = 4
KEPT_BYTES = 2 * 2**30


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
    _kept: dict[int, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def chunks(self, kind: str, rows: Tensor, chunk_size: int) -> Iterator[tuple[slice, Any]]:
        """As `Inputs.chunks`; pictures are decoded a chunk ahead."""
        slices = [slice(first, min(first + chunk_size, len(rows))) for first in range(0, len(rows), chunk_size)]
        wanted = [rows[part].tolist() for part in slices]
        if kind == "text":
            for part, some in zip(slices, wanted, strict=True):
                yield part, self.encoder.prepare_texts([self.texts[row] for row in some])[0]
            return
        with ThreadPoolExecutor(DECODE_THREADS) as pool:
            waiting = self._decode(pool, wanted[0]) if wanted else {}
            for number, part in enumerate(slices):
                decoded = {row: future.result() for row, future in waiting.items()}
                if number + 1 < len(slices):
                    waiting = self._decode(pool, wanted[number + 1])
                yield part, self._prepared(wanted[number], decoded)

    def _decode(self, pool: ThreadPoolExecutor, rows: list[int]) -> dict[int, Future]:
        missing = [row for row in rows if row not in self._kept]
        in_order = sorted(missing, key=lambda row: reading_order(*self.images[row]))
        return {row: pool.submit(self._open, row) for row in in_order}

    def _open(self, row: int) -> Any:
        return open_picture(*self.images[row])

    def _prepared(self, rows: list[int], decoded: dict[int, Any]) -> Tensor:
        fresh = dict(zip(decoded, self.encoder.prepare_images(list(decoded.values())), strict=True)) if decoded else {}
        pixels = torch.stack([fresh[row] if row in fresh else self._kept[row] for row in rows])
        room = self.kept_bytes // (pixels[0].numel() * pixels.element_size()) - len(self._kept)
        self._kept.update(list(fresh.items())[: max(0, room)])
        return pixels
