"""Lists of pair ids that people write by hand or export from a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from engine.errors import PairsError


def read_pair_ids(path: str | Path) -> list[str]:
    """Pair ids from a .csv with a pair_id column, or from a text file with one per line.

    Raises:
        PairsError: if the file cannot be read.
    """
    try:
        if str(path).endswith(".csv"):
            return pd.read_csv(path, dtype=str)["pair_id"].dropna().tolist()
        return [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError) as error:
        raise PairsError(
            "a .csv with a pair_id column, or a text file with one id per line", f"{path} ({error})", "Check the file."
        ) from error
