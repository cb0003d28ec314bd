"""Folds: which pairs are scored together by a model that was fitted without them."""

from __future__ import annotations

import numpy as np


def image_folds(image_ids: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """Random folds of nearly equal size; pairs with the same picture share one, or the model would have seen it.

    Args:
        image_ids: integers `[pairs]`; equal for equal pictures.
        num_folds: how many, ≥ 2.
        seed: of the deal.

    Returns:
        The fold of each pair, `[pairs]`, 0 … num_folds − 1.
    """
    _, group, sizes = np.unique(image_ids, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    # the largest groups first, each to the emptiest fold; equal groups stay in random order
    fold_of_group, filled = np.empty(len(sizes), dtype=np.int64), np.zeros(num_folds, dtype=np.int64)
    for one in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        emptiest = int(filled.argmin())
        fold_of_group[one] = emptiest
        filled[emptiest] += sizes[one]
    return fold_of_group[group]
