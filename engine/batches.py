"""The batch segmentation: which training pairs were compared with each other in the loss. No torch.

A pair's negatives are the batch it sat in, so the segmentation is mathematics: another one gives other
scores. Several seeded ones are averaged where the recorded one is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import BatchesError


@dataclass(frozen=True)
class BatchSegmentation:
    """One way in which the training pairs were cut into batches."""

    batches: tuple[np.ndarray, ...]
    """positions of pairs in the training table, one integer array per batch"""
    num_pairs: int
    """number of training pairs, in batches or not"""

    @property
    def left_out(self) -> np.ndarray:
        """Positions of pairs that are in no batch."""
        return np.setdiff1d(np.arange(self.num_pairs), np.concatenate(self.batches))


def seeded_segmentations(
    conflicts: np.ndarray, batch_size: int, num_segmentations: int, seed: int
) -> tuple[list[BatchSegmentation], int]:
    """Random segmentations into batches of nearly equal size, at most `batch_size`.

    Args:
        conflicts: `[pairs, kinds]` integers; two pairs that share a value in a column (the same image, the
            same caption) are not negatives of each other and are kept apart where that is possible.
        batch_size: most pairs in a batch, ≥ 2.
        num_segmentations: how many.
        seed: of the shuffles.

    Returns:
        The segmentations, and the number of pairs that could not be kept apart, summed over them.

    Raises:
        BatchesError: if there are fewer pairs than a batch needs.
    """
    num_pairs = len(conflicts)
    if num_pairs < batch_size:
        raise BatchesError(
            f"at least one batch of {batch_size} training pairs",
            f"{num_pairs} pairs",
            f"Choose --batch-size {max(2, num_pairs)} or less, or add pairs.",
        )
    found, unavoidable = [], 0
    for number in range(num_segmentations):
        order = np.random.default_rng([seed, number]).permutation(num_pairs)
        batches, missed = _deal(order, conflicts, -(-num_pairs // batch_size))
        found.append(BatchSegmentation(tuple(batches), num_pairs))
        unavoidable += missed
    return found, unavoidable


def _deal(order: np.ndarray, conflicts: np.ndarray, num_batches: int) -> tuple[list[np.ndarray], int]:
    """Deal pairs to the batches in turn; a pair goes to the next batch with room and nothing like it."""
    sizes = [len(part) for part in np.array_split(order, num_batches)]
    batches: list[list[int]] = [[] for _ in sizes]
    open_batches, missed, start = _OpenBatches(num_batches), 0, 0
    for pair, values in zip(order.tolist(), conflicts[order].tolist(), strict=True):
        marks = list(enumerate(values))
        free = open_batches.without(marks, start)
        missed += free is None
        chosen = open_batches.following(start) if free is None else free
        batches[chosen].append(pair)
        open_batches.put(marks, chosen)
        if len(batches[chosen]) == sizes[chosen]:
            open_batches.close(chosen)
        start = (chosen + 1) % num_batches
    return [np.array(batch) for batch in batches], missed


class _OpenBatches:
    """Batches with room, and what is in them; looking for one takes few steps however many batches there are."""

    def __init__(self, num_batches: int) -> None:
        self.next_open = list(range(num_batches))  # of each batch: itself, or where to look for the next with room
        self.present: list[set[tuple[int, int]]] = [set() for _ in range(num_batches)]
        self.number = num_batches
        self.having: dict[tuple[int, int], int] = {}  # batches with room that a mark is in

    def following(self, start: int) -> int:
        """The first batch with room from `start` on, in a circle; there must be one."""
        here = start
        while self.next_open[here] != here:
            onward = self.next_open[self.next_open[here]]
            self.next_open[here] = onward  # the way is shorter next time
            here = onward
        return here

    def without(self, marks: list[tuple[int, int]], start: int) -> int | None:
        """The first batch with room from `start` on that has none of the marks; None if there is none."""
        if any(self.having.get(mark) == self.number for mark in marks):
            return None
        here = self.following(start)
        for _ in range(self.number):
            if self.present[here].isdisjoint(marks):
                return here
            here = self.following((here + 1) % len(self.present))
        return None

    def put(self, marks: list[tuple[int, int]], batch: int) -> None:
        """Note what a pair brings into a batch."""
        for mark in marks:
            if mark not in self.present[batch]:
                self.present[batch].add(mark)
                self.having[mark] = self.having.get(mark, 0) + 1

    def close(self, batch: int) -> None:
        """The batch has no room any more."""
        for mark in self.present[batch]:
            self.having[mark] -= 1
            if not self.having[mark]:
                del self.having[mark]
        self.present[batch] = set()
        self.number -= 1
        self.next_open[batch] = (batch + 1) % len(self.present)


def consecutive_batches(num_pairs: int, batch_size: int) -> list[np.ndarray]:
    """Batches in table order; a short last batch counts (the validation query's batches)."""
    return [np.arange(first, min(first + batch_size, num_pairs)) for first in range(0, num_pairs, batch_size)]


def read_segmentations(path: str | Path, pair_ids: pd.Series) -> tuple[list[BatchSegmentation], int]:
    """A recorded segmentation: a table with columns segmentation, batch_index, pair_id.

    Args:
        path: .csv or .parquet.
        pair_ids: ids of the training pairs in table order.

    Returns:
        The segmentations, and how many rows of the table name no training pair and are passed over.

    Raises:
        BatchesError: if the table cannot be read, names no known pair, or names a pair twice.
    """
    columns = ["segmentation", "batch_index", "pair_id"]
    try:
        table = pd.read_parquet(path) if str(path).endswith(".parquet") else pd.read_csv(path, dtype={"pair_id": str})
        table = table[columns]
    except (OSError, ValueError, KeyError) as error:
        raise BatchesError(
            f"a .csv or .parquet with columns {', '.join(columns)}", f"{path} ({error})", "Check --batches."
        ) from error
    if table[columns].isna().any(axis=None):
        raise BatchesError(
            f"a value in every cell of {', '.join(columns)}", f"empty cells in {path}", "Check --batches."
        )
    positions = pd.Index(pair_ids.to_numpy()).get_indexer(table["pair_id"].astype(str).to_numpy(dtype=object))
    known = table[["segmentation", "batch_index"]].assign(position=positions)[positions >= 0]
    if known.empty:
        raise BatchesError("pair ids of the training pairs", f"none of them in {path}", "Check --batches.")
    twice = known.duplicated(["segmentation", "position"])
    if twice.any():
        raise BatchesError(
            "every pair at most once in a segmentation",
            f"{pair_ids.iloc[known.loc[twice, 'position'].iloc[0]]} twice",
            "Give each epoch its own segmentation number.",
        )
    found = [BatchSegmentation(_cut(one), len(pair_ids)) for _, one in known.groupby("segmentation")]
    return found, len(table) - len(known)


def _cut(rows: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Positions of each batch of one segmentation, the batches by their index."""
    rows = rows.sort_values("batch_index", kind="stable")
    ends = np.flatnonzero(rows["batch_index"].to_numpy()[1:] != rows["batch_index"].to_numpy()[:-1]) + 1
    return tuple(np.split(rows["position"].to_numpy(copy=True), ends))


def segmentations_table(segmentations: list[BatchSegmentation], pair_ids: pd.Series) -> pd.DataFrame:
    """The table segmentation, batch_index, pair_id that `read_segmentations` reads."""
    ids = pair_ids.to_numpy()
    parts = []
    for number, one in enumerate(segmentations):
        index = np.repeat(np.arange(len(one.batches)), [len(batch) for batch in one.batches])
        pairs = ids[np.concatenate(one.batches)]
        parts.append(pd.DataFrame({"segmentation": number, "batch_index": index, "pair_id": pairs}))
    return pd.concat(parts, ignore_index=True)
