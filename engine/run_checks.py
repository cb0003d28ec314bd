"""What a run folder must hold to be read: whole, of the right columns and kinds, unique where ids name rows.

Folders are copied by hand, from other machines and other people. What is wrong is found here, once, when a file is
read, so that nothing behind has to expect it. No torch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import RunFolderAbsent, RunFolderPartial

NEEDED = ("config.json", "record.json")
TEXTS = ("pair_id", "query_id", "other_pair_id", "image", "caption", "split", "source", "images",
         "thumbnail")  # fmt: skip
ALWAYS = ("image", "caption", "split", "source", "images")
"""texts that every pair has"""
NUMBERS = ("influence", "influence_positive", "influence_negative", "suspicion", "suspicion_rank", "p_wrong", "rank",
           "place", "pair_loss", "clip_score", "similarity", "x", "y", "confidence", "loss", "width",
           "height")  # fmt: skip
ONE_ROW_PER_ID = {"pairs": "pair_id", "queries": "query_id", "scores": "pair_id", "signals": "pair_id",
                  "ranked": "pair_id"}  # fmt: skip
RECORD_KINDS = {
    "notes": list, "counts": dict, "steps": dict, "metrics": dict, "cost": dict, "batches": dict, "detection": dict,
    "health": dict, "curvature": dict, "created_at": str, "finished_at": str | None,
}  # fmt: skip
AGAIN = "It was copied in part, or stopped as it began: copy it again, or run it again."


def is_run_like(path: Path) -> bool:
    """Whether a folder is a run, or a part of one."""
    try:
        return any((path / name).is_file() for name in (*NEEDED, "pairs.parquet"))
    except OSError:  # no permission
        return False


def check_folder(path: Path) -> None:
    """Refuse a place without a run, and a run without the files that every run begins with.

    Raises:
        RunFolderAbsent: if there is no run.
        RunFolderPartial: if there is only a part of one.
    """
    if not is_run_like(path):
        got = f"{path}, which holds none" if path.is_dir() else f"nothing at {path}"
        raise RunFolderAbsent("a run folder (with config.json)", got, "Check the path, or start a run with `ecif run`.")
    missing = [name for name in NEEDED if not (path / name).is_file()]
    if missing:
        raise RunFolderPartial("a whole run folder", f"{path} without {missing[0]}", AGAIN)


def check_inside(path: Path, folder: Path) -> None:
    """Refuse a file that is a link out of the run's folder: it would show what lies elsewhere on this machine.

    Raises:
        ValueError: if it is one.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("a link that leads out of the run's folder")


def check_record(values: dict[str, Any]) -> None:
    """Refuse a record whose parts are of other kinds than every reader expects.

    Raises:
        ValueError: if one is.
    """
    wrong = [name for name, kind in RECORD_KINDS.items() if name in values and not isinstance(values[name], kind)]
    if not wrong:
        steps, counts = values.get("steps", {}).values(), values.get("counts", {}).values()
        if not all(isinstance(step, dict) and _is_number(step.get("seconds", 0)) for step in steps):
            wrong = ["steps"]
        elif not all(isinstance(count, int) for count in counts):
            wrong = ["counts"]
    if wrong:
        raise ValueError(f"{wrong[0]} of another kind")


def check_table(name: str, table: pd.DataFrame, expected: list[str]) -> None:
    """Refuse a table without its columns, with other kinds of values, or with one id in two rows.

    Args:
        name: of the table.
        table: as read.
        expected: the columns that must be there.

    Raises:
        ValueError: which says what is wrong.
    """
    absent = [one for one in expected if one not in table]
    if absent:
        raise ValueError(f"without {', '.join(absent)}")
    for column in table.columns.intersection(TEXTS):
        given = table[column]
        values = given.cat.categories if isinstance(given.dtype, pd.CategoricalDtype) else given
        if not (pd.api.types.is_string_dtype(values) or given.isna().all()):
            raise ValueError(f"with {column} that is no text")
        if name == "pairs" and column in ALWAYS and given.isna().any():
            raise ValueError(f"with a row without {column}")
    for column in table.columns.intersection(NUMBERS):
        if not (pd.api.types.is_numeric_dtype(table[column]) or table[column].isna().all()):
            raise ValueError(f"with {column} that is no number")
    key = ONE_ROW_PER_ID.get(name)
    if key in table and (table[key].isna().any() or not table[key].is_unique):
        raise ValueError(f"with one {key} in two rows, or a row without")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
