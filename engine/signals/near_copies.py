"""Rows that are nearly the same, among very many: found by hashing, without looking at every two of them.

Sign of the product with random directions: two rows at an angle a differ in a share a/π of the bits (Charikar 2002).
Rows are sorted by their bits, `TABLES` times by other ones, and compared with the next few that share the first
`SHARED_BITS`; more bits must not contradict before the features themselves decide. Of rows with a cosine of .98 or more
a table brings 27 % together or more, all tables 99 %; copies always. Cost O(pairs · log pairs), and 64 bytes a pair.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from engine.feature_rows import Rows, chunks_of

TABLES, BITS, SHARED_BITS = 16, 31, 20
FOLLOWING = 4
"""rows that each is compared with in the order of a table"""
CHECKED_TABLES, MOST_DIFFERENT_BITS = 4, 20
"""bits of so many other tables (124) may differ in so many: at a cosine of .98 they differ in 8 ± 3"""
CANDIDATES_AT_ONCE = 2**16


def near_copies(rows: Rows, least_similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows whose cosine about their mean is large; nearly all of those that are needed to connect groups.

    Args:
        rows: `[pairs, dim]`, any scale.
        least_similarity: least cosine of the centred rows; made for .98.

    Returns:
        Positions of the two rows of each match, the smaller first, each match once.
    """
    total = sum(rows[part].double().sum(0) for part in chunks_of(len(rows)))
    mean = (total / len(rows)).to(rows.dtype)
    codes = _codes(rows, mean)
    found = [np.empty((0, 2), np.int64)]
    for table in range(TABLES):
        order = np.argsort(codes[:, table], kind="stable")
        bucket = codes[order, table] >> (BITS - SHARED_BITS)
        others = [(table + step) % TABLES for step in range(1, CHECKED_TABLES + 1)]
        for distance in range(1, FOLLOWING + 1):
            together = np.flatnonzero(bucket[:-distance] == bucket[distance:])
            for part in chunks_of(len(together), CANDIDATES_AT_ONCE):
                left, right = order[together[part]], order[together[part] + distance]
                different = np.bitwise_count(codes[left][:, others] ^ codes[right][:, others]).sum(1)
                likely = different <= MOST_DIFFERENT_BITS
                left, right = left[likely], right[likely]
                alike = _cosines(rows, mean, left, right) >= least_similarity
                found.append(np.sort(np.stack([left[alike], right[alike]], 1), 1))
    left, right = np.unique(np.concatenate(found), axis=0).T
    return left, right


def _codes(rows: Rows, mean: Tensor) -> np.ndarray:
    """Bits of each row, `[pairs, tables]`, `BITS` in each number."""
    draw = torch.randn(rows.shape[1], TABLES * BITS, generator=torch.Generator().manual_seed(0))
    directions, powers = draw.to(mean), 2 ** np.arange(BITS, dtype=np.int32)
    found = np.empty((len(rows), TABLES), np.int32)
    for part in chunks_of(len(rows)):
        positive = ((rows[part] - mean) @ directions > 0).cpu().numpy().reshape(-1, TABLES, BITS)
        found[part] = positive.astype(np.int32) @ powers
    return found


def _cosines(rows: Rows, mean: Tensor, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    found = np.empty(len(left))
    for part in chunks_of(len(left)):
        one, other = (normalize(rows[torch.from_numpy(side[part])] - mean, dim=1) for side in (left, right))
        found[part] = (one * other).sum(1).cpu().numpy()
    return found
