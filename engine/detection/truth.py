"""Which pairs are wrong, where that is known: a ground-truth table or a column of the pairs table. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from engine.detection.source_columns import source_column
from engine.errors import PairsError

TRUTH_COLUMNS = {"pair_id", "error_kind", "confusion"}
TARGET = "confusion_target"
RIGHT_CAPTION = ("false_negative", "exact_duplicate", "near_duplicate", "markup_caption", "formula_caption", TARGET)
"""planted kinds whose caption fits its image: neither wrong pairs nor untouched ones"""


def read_truth(path: str | Path) -> pd.DataFrame:
    """A ground-truth table.

    Raises:
        PairsError: if it cannot be read or lacks a column.
    """
    try:
        truth = pd.read_csv(path, dtype={"pair_id": str})
    except (OSError, ValueError) as error:
        raise PairsError("a ground-truth .csv", f"{path} ({error})", "Check --truth.") from error
    if not set(truth.columns) >= TRUTH_COLUMNS:
        raise PairsError(
            f"columns {', '.join(sorted(TRUTH_COLUMNS))}", f"{', '.join(truth.columns)} in {path}", "Check --truth."
        )
    return truth


def error_kinds(truth: pd.DataFrame, pair_ids: pd.Series) -> pd.Series:
    """The planted kind of each pair, missing where nothing was planted, `[pairs]`, with a fresh index."""
    known = truth.drop_duplicates("pair_id").set_index("pair_id")["error_kind"]
    return known.reindex(pair_ids.to_numpy()).reset_index(drop=True)


def wrong_by_table(path: str | Path, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Wrong pairs by a ground-truth table.

    Args:
        path: of the table.
        pairs: rows of a pairs table.

    Returns:
        is_wrong and is_judged `[pairs]`: planted kinds whose caption fits are neither wrong nor untouched.

    Raises:
        PairsError: if the table cannot be used.
    """
    kinds = error_kinds(read_truth(path), pairs["pair_id"])
    fits = kinds.isin(RIGHT_CAPTION).to_numpy()
    return kinds.notna().to_numpy() & ~fits, ~fits


def wrong_by_column(name: str, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Wrong pairs by a column of the source tables: it differs from the pair's label, or from its caption without one.

    Args:
        name: of the column.
        pairs: rows of a pairs table.

    Returns:
        is_wrong and is_judged `[pairs]`: a pair with an empty cell is not judged.

    Raises:
        PairsError: if a source table lacks the column.
    """
    right = source_column(pairs, name)
    labels = pairs["label"].fillna("").to_numpy(dtype=object)
    own = np.where(labels != "", labels, pairs["caption"].to_numpy(dtype=object))
    known = np.array([cell.strip() != "" for cell in right], dtype=bool)
    differs = np.array([a.strip() != b.strip() for a, b in zip(right, own, strict=True)], dtype=bool)
    return known & differs, known
