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
    present: list[set[tuple[int, int]]] = [set() for _ in sizes]
    missed, start = 0, 0
    for pair in order:
        marks = {(kind, int(value)) for kind, value in enumerate(conflicts[pair])}
        open_batches = [
            b % num_batches
            for b in range(start, start + num_batches)
            if len(batches[b % num_batches]) < sizes[b % num_batches]
        ]
        free = next((b for b in open_batches if not marks & present[b]), None)
        missed += free is None
        chosen = open_batches[0] if free is None else free
        batches[chosen].append(int(pair))
        present[chosen] |= marks
        start = chosen + 1
    return [np.array(batch) for batch in batches], missed


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
    position = pd.Series(np.arange(len(pair_ids)), index=pair_ids.to_numpy())
    known = table[table["pair_id"].astype(str).isin(position.index)]
    if known.empty:
        raise BatchesError("pair ids of the training pairs", f"none of them in {path}", "Check --batches.")
    if known.duplicated(["segmentation", "pair_id"]).any():
        twice = known.loc[known.duplicated(["segmentation", "pair_id"]), "pair_id"].iloc[0]
        raise BatchesError(
            "every pair at most once in a segmentation",
            f"{twice} twice",
            "Give each epoch its own segmentation number.",
        )
    found = [
        BatchSegmentation(
            tuple(
                position[batch["pair_id"].astype(str)].to_numpy(copy=True) for _, batch in one.groupby("batch_index")
            ),
            len(pair_ids),
        )
        for _, one in known.groupby("segmentation")
    ]
    return found, len(table) - len(known)


def segmentations_table(segmentations: list[BatchSegmentation], pair_ids: pd.Series) -> pd.DataFrame:
    """The table segmentation, batch_index, pair_id that `read_segmentations` reads."""
    ids = pair_ids.to_numpy()
    parts = [
        pd.DataFrame({"segmentation": number, "batch_index": index, "pair_id": ids[batch]})
        for number, one in enumerate(segmentations)
        for index, batch in enumerate(one.batches)
    ]
    return pd.concat(parts, ignore_index=True)
