"""What embedding a shard of pairs takes: pictures decoded and captions tokenized ahead of the encoders, rows written.

Pictures are decoded and prepared by threads, a few at a time and a chunk ahead. About 97 % of the work on a photograph
happens outside the interpreter's lock (640 × 480 JPEG: 7.7 ms of processor time in a thread, 7.9 ms in a process), so
processes would only add copies. Preparation of the next chunk goes on while this one is encoded, across the end of a
shard as well.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch

from engine.feature_shards import FeatureShards, Shard
from engine.memory import in_chunks_that_fit
from engine.models.embeddings import GivenFeatures
from engine.models.interface import DualEncoder
from engine.pairs import open_picture

DECODE_THREADS = min(32, max(4, os.cpu_count() or 1))
PIECE_ROWS = 16
"""pictures that one thread decodes and prepares together"""
ENCODED_SHARD, GIVEN_SHARD = 1024, 16384
"""pairs of a shard: what is lost at most by a kill, and what a worker of a cluster is given"""

Report = Callable[[int], None]
"""is told the number of the last row that is done, plus one"""


class ShardEncoder(Protocol):
    """What fills shards."""

    shards: FeatureShards

    def encode(self, shard: Shard) -> int:
        """Write the features of a shard; how many of its captions were too long and cut."""


@dataclass(frozen=True)
class EncodeShard:
    """The pass that embeds: encodes one shard after the other."""

    def __call__(self, encoder: ShardEncoder, shard: Shard) -> int:
        """How many captions were cut."""
        return encoder.encode(shard)


@dataclass(frozen=True)
class GivenShards:
    """Shards of features that lie in files already."""

    shards: FeatureShards
    model: GivenFeatures
    pairs: pd.DataFrame
    report: Report

    def encode(self, shard: Shard) -> int:
        """Copy the rows of the pairs; nothing is cut."""
        image, text = self.model.features(self.pairs.iloc[shard.first : shard.stop])
        self.shards.write(shard.first, {"image": image, "text": text})
        self.report(shard.stop)
        return 0


@dataclass(frozen=True)
class EncodedShards:
    """Shards of features that a model computes.

    Args:
        shards: where they go.
        model: the encoders.
        pairs: the pairs table.
        chunk_size: pairs that are encoded together.
        report: progress within a shard.
        fast: let an NVIDIA GPU round the factors of float32 products to 10 bits of mantissa (TF32).
    """

    shards: FeatureShards
    model: DualEncoder
    pairs: pd.DataFrame
    chunk_size: int
    report: Report
    fast: bool = False
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(DECODE_THREADS), compare=False)
    _ahead: dict[tuple[int, int], Future] = field(default_factory=dict, compare=False)

    @torch.no_grad()
    def encode(self, shard: Shard) -> int:
        """Embed the pairs of a shard and write them."""
        parts: list[tuple[np.ndarray, np.ndarray, int]] = []
        num_rows = shard.stop - shard.first

        def encode(part: slice, given: tuple[torch.Tensor, tuple[Any, int]]) -> None:
            pixels, (tokens, cut) = given
            with fast_products() if self.fast else contextlib.nullcontext():
                image, text = self.model.penultimate_images(pixels), self.model.penultimate_texts(tokens)
            found = image.cpu().numpy(), text.cpu().numpy(), cut
            self.report(shard.first + part.stop)
            parts.append(found)  # last: a chunk that fails leaves nothing behind

        in_chunks_that_fit(num_rows, self.chunk_size, lambda first, size: self._prepared(shard, first, size), encode)
        image, text, cuts = zip(*parts, strict=True)
        self.shards.write(shard.first, {"image": np.concatenate(image), "text": np.concatenate(text)})
        return sum(cuts)

    def _prepared(self, shard: Shard, first: int, size: int) -> Iterator[tuple[slice, Any]]:
        for start in range(shard.first + first, shard.stop, size):
            stop = min(start + size, shard.stop)
            wanted = self._asked(start, stop)
            if stop < shard.stop:
                self._asked(stop, min(stop + size, shard.stop))
            elif shard.following is not None:
                self._asked(shard.following, min(shard.following + size, len(self.pairs)))
            *pieces, tokens = [self._ahead.pop(key).result() for key in wanted]
            yield slice(start - shard.first, stop - shard.first), (torch.cat(pieces), tokens)

    def _asked(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Have the rows of a chunk prepared, unless they are already: its pieces and, last, its captions."""
        pieces = [(one, min(one + PIECE_ROWS, stop)) for one in range(start, stop, PIECE_ROWS)]
        for piece in pieces:
            if piece not in self._ahead:
                self._ahead[piece] = self._pool.submit(self._pixels, *piece)
        captions = (-start - 1, stop)  # no piece has such a key
        if captions not in self._ahead:
            self._ahead[captions] = self._pool.submit(self._tokens, start, stop)
        return [*pieces, captions]

    def _pixels(self, start: int, stop: int) -> torch.Tensor:
        rows = self.pairs.iloc[start:stop]
        images = [open_picture(place, name) for place, name in zip(rows["images"], rows["image"], strict=True)]
        return self.model.prepare_images(images)

    def _tokens(self, start: int, stop: int) -> tuple[Any, int]:
        return self.model.prepare_texts(self.pairs["caption"].iloc[start:stop].tolist())


def shard_encoder(
    folder: Path,
    model: DualEncoder | GivenFeatures,
    pairs: pd.DataFrame,
    chunk_size: int,
    fast: bool = False,
    report: Report = lambda done: None,
) -> ShardEncoder:
    """What fills the shards of these pairs in a folder; the same arguments give the same shards in every process."""
    heads, is_given = model.heads, isinstance(model, GivenFeatures)
    dtype = np.dtype(np.float64 if heads.text.dtype == torch.float64 else np.float32)
    widths = {"image": heads.image.shape[1], "text": heads.text.shape[1]}
    shards = FeatureShards(folder, widths, dtype, len(pairs), GIVEN_SHARD if is_given else ENCODED_SHARD)
    if isinstance(model, GivenFeatures):
        return GivenShards(shards, model, pairs, report)
    return EncodedShards(shards, model, pairs, chunk_size, report, fast)


@contextlib.contextmanager
def fast_products() -> Iterator[None]:
    """TF32 on NVIDIA GPUs within this block; nothing elsewhere."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
