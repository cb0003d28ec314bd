"""Which column of a table means what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import PairsError

ACCEPTED = {
    "image": ("image", "filepath", "image_path", "file_name", "path"),
    "caption": ("caption", "text", "title"),
    "pair_id": ("pair_id",),
    "label": ("label",),
    "split": ("split",),
}
"""meaning → accepted names, the first one found is taken"""
REQUIRED = ("image", "caption")
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""values of a split column and names of splits' folders, in any case, and what they mean"""
SHOWN = 20


def recognise_columns(path: Path, found: Sequence[str]) -> dict[str, str]:
    """The column of a table for each meaning.

    Args:
        path: the table, for the error.
        found: the table's column names; case and outer spaces do not matter.

    Returns:
        Meaning → name as written in the table; optional meanings may be absent.

    Raises:
        PairsError: if there is no image or no caption column.
    """
    by_name: dict[str, str] = {}
    for name in found:
        by_name.setdefault(name.strip().casefold(), name)
    columns = {
        meaning: by_name[next(name for name in names if name in by_name)]
        for meaning, names in ACCEPTED.items()
        if any(name in by_name for name in names)
    }
    missing = [meaning for meaning in REQUIRED if meaning not in columns]
    if missing:
        wanted = " and ".join(f"a column for the {meaning} ({', '.join(ACCEPTED[meaning])})" for meaning in missing)
        shown = ", ".join(name.strip()[:40] for name in found[:SHOWN]) or "none"
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise PairsError(wanted, f"the columns {shown}{more} in {path}", "Rename the columns in the first row.")
    return columns
