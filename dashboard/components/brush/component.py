"""The Python side of the brushes.

The browser paints a range at once and sends every range that is not yet acknowledged, so none is lost over a rerun.
What stands is always Python's word (the URL's) unless the browser knows something newer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.browser_part import browser_part
from dashboard.histograms import Histogram

HERE = Path(__file__).resolve().parent
ACKNOWLEDGED = "brushes_acknowledged"


@dataclass(frozen=True)
class Brush:
    """One histogram and the range chosen on it."""

    column: str
    """names the measure"""
    words: str
    """what the measure says"""
    ends: tuple[str, str]
    """what its low and its high end mean"""
    histogram: Histogram
    low: float | None
    """chosen lower bound; None: none"""
    high: float | None
    """chosen upper bound; None: none"""


def brushes(
    shown: Sequence[Brush], *, key: str, on_ranges: Callable[[dict[str, tuple[float | None, float | None]]], None]
) -> None:
    """Show histograms; `on_ranges` gets the ranges that were changed before the page is drawn again.

    Args:
        shown: the histograms, in order.
        key: of the component.
        on_ranges: takes (low, high) by column; None, None: the range was cleared.
    """
    columns = {one.column for one in shown}

    def take() -> None:
        found, newest = read_ranges(
            getattr(st.session_state.get(key), "brushed", None), st.session_state.get(ACKNOWLEDGED, 0), columns
        )
        st.session_state[ACKNOWLEDGED] = newest
        if found:
            on_ranges(found)

    _component()(
        key=key,
        data={"brushes": [asdict(one) for one in shown], "acknowledged": st.session_state.get(ACKNOWLEDGED, 0)},
        default={"brushed": []},
        on_brushed_change=take,
    )


def read_ranges(
    brushed: object, acknowledged: int, columns: set[str]
) -> tuple[dict[str, tuple[float | None, float | None]], int]:
    """The well-formed ranges that are new, by column, and the highest sequence among them.

    Args:
        brushed: what the browser sent: [{column, sequence, low, high}].
        acknowledged: highest sequence handled before.
        columns: measures on screen.
    """
    found: dict[str, tuple[float | None, float | None]] = {}
    newest = acknowledged
    for entry in brushed if isinstance(brushed, list) else []:
        if not isinstance(entry, dict):
            continue
        column, sequence, low, high = (entry.get(name) for name in ("column", "sequence", "low", "high"))
        if not isinstance(column, str) or column not in columns:
            continue
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not acknowledged < sequence < 2**53:
            continue
        if _is_bound(low) and _is_bound(high) and (low is None or high is None or low <= high):
            found[column] = (low, high)
            newest = max(newest, sequence)
    return found, newest


def _is_bound(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (is_number and math.isfinite(value))


@cache
def _component() -> Callable[..., Any]:
    return browser_part(HERE, "brushes", "brush.css", ["brush.js"])
