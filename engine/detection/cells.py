"""The finished cells of a detection experiment, read back. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

TRUTH = ("pair_id", "caption_of", "is_wrong", "is_judged")
"""columns of a cell's table that the detector never saw; the others are its own"""


@dataclass(frozen=True)
class Cell:
    """One finished cell."""

    facts: dict[str, Any]
    """its row in cells.parquet"""
    signals: pd.DataFrame
    """pair_id and every column of the detector"""
    is_wrong: pd.Series
    """bool, index pair_id"""
    is_judged: pd.Series
    """bool, index pair_id: False where the truth does not say"""


def finished_cells(folder: Path) -> Iterator[Cell]:
    """The finished cells of an experiment in the order they were computed.

    What learns from decisions is simulated on these: nothing has to be detected again.

    Args:
        folder: of the experiment.
    """
    for facts in rows_of(folder / "cells.parquet"):
        table = pd.read_parquet(folder / "cells" / f"{facts['cell']}.parquet").set_index("pair_id", drop=False)
        own = table.drop(columns=[name for name in TRUTH if name != "pair_id"]).reset_index(drop=True)
        yield Cell(facts, own, table["is_wrong"], table["is_judged"])


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a table that may not be there yet."""
    return pd.read_parquet(path).to_dict("records") if path.exists() else []
