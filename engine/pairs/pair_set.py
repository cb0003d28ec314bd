"""A data set in memory: the pairs that can be used, the rows that cannot, and what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

PAIR_COLUMNS = (
    "pair_id",
    "pair_index",
    "image",
    "caption",
    "label",
    "split",
    "width",
    "height",
    "content_hash",
    "perceptual_hash",
    "thumbnail",
    "row",
    "source",
    "images",
)
REPEATED_COLUMNS = ("content_hash", "perceptual_hash", "thumbnail", "source", "images")
"""columns whose values many pairs share: categories in memory, so that a million rows do not repeat them"""
REJECT_COLUMNS = ("row", "image", "caption", "reason", "source")


@dataclass(frozen=True)
class PairSet:
    """Every data row of the tables that were read is in `pairs` or in `rejects`, and in one of them only."""

    pairs: pd.DataFrame
    """one usable pair per row, in table order, with `PAIR_COLUMNS`; `REPEATED_COLUMNS` are categories"""
    rejects: pd.DataFrame
    """one unusable row per row, in table order, with `REJECT_COLUMNS`"""
    notes: tuple[str, ...] = ()
    """sentences for the record: what was held out, renamed, or found in two splits"""
    columns: Mapping[str, str] = field(default_factory=dict)
    """meaning → name of the column in the (first) table"""
    reader: str = ""
    """what the (first) tables were read as, in words"""
    files: int = 1
    """how many files or folders these were"""
