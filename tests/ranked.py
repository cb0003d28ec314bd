"""A run folder with nothing but a ranked table, made of a few columns: for tests of lists."""

from pathlib import Path

import pandas as pd

from dashboard.run_tables import RunTables
from engine.runs import COLUMNS, RunFolder


def ranked_tables(folder: Path, rows: pd.DataFrame, **others: pd.DataFrame) -> RunTables:
    """The tables of a folder that is made here.

    Args:
        folder: is made.
        rows: pair_id, suspicion_rank and any other columns of the ranked table; those that readers count on are added.
        others: further tables by name; the columns that readers count on are added here too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows.sort_values("suspicion_rank")
    folded = rows["caption"].str.casefold() if "caption" in rows else None
    ranked = rows.assign(place=range(1, len(rows) + 1), caption_folded=folded)
    for name, table in {"ranked": ranked, **others}.items():
        absent = dict.fromkeys(set(COLUMNS[name]) - set(table))
        table.assign(**absent).to_parquet(folder / f"{name}.parquet", index=False)
    return RunTables.open(RunFolder(folder))
