"""Pair ids: given ones are kept, the others are derived from content, so the same pair has the same id in every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from engine.pairs.rows import Row

REPEATED_ID = "The pair_id is already used by an earlier row."


def derived_id(content_hash: str, caption: str) -> str:
    """16 hex digits from the image file's sha256 and the caption."""
    return hashlib.sha256((content_hash + caption).encode()).hexdigest()[:16]


def give_ids(tables: Iterable[tuple[str, list[Row]]]) -> list[str]:
    """Give every usable row an id that no other row has, in table order.

    A repeated identical pair gets the suffix -2, -3, …. A given id that an earlier row of its own table has is a
    reason to reject the row. One that another table has (tables are often numbered from 0 each) is kept behind the
    name of the split.

    Args:
        tables: (split, rows) of each table; `pair_id` and `reason` of the rows are set here.

    Returns:
        Sentences for the record.
    """
    owner: dict[str, int] = {}
    copies: Counter[str] = Counter()
    notes = []
    for number, (split, rows) in enumerate(tables):
        renamed = 0
        for row in rows:
            if row.reason is not None:
                continue
            if row.pair_id is None:
                row.pair_id = _free(derived_id(row.seen.content_hash, row.caption), owner, copies)
            elif owner.get(row.pair_id, number) != number:
                row.pair_id = f"{split}-{row.pair_id}"
                renamed += 1
            if row.pair_id in owner:
                row.reason = REPEATED_ID
            else:
                owner[row.pair_id] = number
        if renamed:
            notes.append(
                f"{renamed} {split} pairs have ids that another table uses too; their ids here begin with '{split}-'."
            )
    return notes


def _free(base: str, owner: dict[str, int], copies: Counter[str]) -> str:
    if base not in owner:
        return base
    while True:  # only what is repeated is counted: of a million different pairs nothing is kept twice
        copies[base] += 1
        name = f"{base}-{copies[base] + 1}"
        if name not in owner:
            return name
