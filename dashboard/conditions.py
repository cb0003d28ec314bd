"""From filters to conditions of SQL over the ranked table. No Streamlit here.

What stands in a condition are names of columns from our own constants; what people typed is bound as a value.
"""

from __future__ import annotations

from dashboard.filters import KINDS, Filters
from engine.ranked_table import quoted
from engine.review import VERDICTS

Condition = tuple[str, list[object]]
"""SQL, and the values of its question marks in their order"""
INFINITY = float("inf")
DEFENDED = "influence BETWEEN 0 AND 'inf'::DOUBLE AND influence <> 0 AND unseen_influence < 0"
MARK_CONDITIONS = {
    "duplicate": "duplicate_group BETWEEN 0 AND 'inf'::DOUBLE",
    "suggested": "suggested_caption <> caption",
    "defended": DEFENDED,
}
HURTS, HELPS = "{} < 0", "{} BETWEEN 0 AND 'inf'::DOUBLE"  # what is not a number is greater than all others to DuckDB
ROLE_CONDITIONS = {
    "negative": (HELPS, HURTS),
    "positive": (HURTS, HELPS),
    "both": (HURTS, HURTS),
    "neither": (HELPS, HELPS),
}


def condition(filters: Filters, decided: str) -> Condition:
    """The rows of `ranked` that fit.

    Args:
        filters: what a pair must be; only of what the run has (see `Listing.usable`).
        decided: the table of decided pairs: place, verdict.
    """
    parts: list[Condition] = []
    if filters.show != "all":
        parts.append(_shown(filters.show, quoted(decided)))
    parts += [(f"({MARK_CONDITIONS[mark]})", []) for mark in filters.marks]
    for one in filters.ranges:
        low, high = -INFINITY if one.low is None else one.low, INFINITY if one.high is None else one.high
        parts.append((f"({quoted(one.column)}::DOUBLE BETWEEN ? AND ?)", [low, high]))
    if filters.roles:
        own, negative = ROLE_CONDITIONS[filters.roles]
        parts.append((f"({own.format('influence_positive')} AND {negative.format('influence_negative')})", []))
    if filters.labels:
        parts.append(("label IN (SELECT unnest(?::VARCHAR[]))", [list(filters.labels)]))
    if filters.kinds:
        some = " OR ".join(kind_condition() for _ in filters.kinds)
        parts.append((f"({some})", [KINDS[kind].casefold() for kind in filters.kinds]))
    parts += [("contains(caption_folded, ?)", [word]) for word in filters.words.casefold().split()]
    return " AND ".join(sql for sql, _ in parts) or "true", [value for _, values in parts for value in values]


def kind_condition() -> str:
    """Whether the reason says the words of one kind, which are to be bound."""
    return "contains(lower(reason), ?)"


def _shown(show: str, decided: str) -> Condition:
    if show in VERDICTS:
        return f"place IN (SELECT place FROM {decided} WHERE verdict = ?)", [show]  # noqa: S608
    return f"place {'NOT ' if show == 'open' else ''}IN (SELECT place FROM {decided})", []  # noqa: S608
