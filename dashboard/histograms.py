"""Histograms to choose ranges from. No Streamlit here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dashboard.run_tables import RunTables
from engine.ranked_table import quoted

NUM_BINS = 40
TAIL = 0.005
"""share of the values at each end in the first and the last bin, so that outliers do not flatten the rest"""


@dataclass(frozen=True)
class Histogram:
    """Numbers of values by bin; the first and the last bin hold all that lies beyond."""

    edges: tuple[float, ...]
    """rising, `[bins + 1]`; short numbers, for they end up in links"""
    counts: tuple[int, ...]
    """`[bins]`"""


def histogram(tables: RunTables, measure: str) -> Histogram | None:
    """The histogram of the finite values of all training pairs; None where there is nothing to choose from.

    Args:
        tables: of the run.
        measure: a number in the ranked table.
    """
    finite = f"(SELECT {quoted(measure)}::DOUBLE AS value FROM ranked WHERE isfinite({quoted(measure)}::DOUBLE))"  # noqa: S608
    low, high, first, last = tables.rows(
        f"SELECT quantile_cont(value, {TAIL}), quantile_cont(value, {1 - TAIL}), min(value), max(value) FROM {finite}"  # noqa: S608
    ).iloc[0]
    if math.isnan(first) or first == last:
        return None
    if low == high:
        low, high = first, last
    decimals = 1 - math.floor(math.log10((high - low) / NUM_BINS))
    edges = np.unique(np.round(np.linspace(low, high, NUM_BINS + 1), decimals))
    # DuckDB's bins hold their upper ends; a bin is to hold its lower end: so everything is turned round.
    found = tables.value(
        f"SELECT histogram(-greatest(least(value, ?), ?), ?::DOUBLE[]) FROM {finite}",  # noqa: S608
        [edges[-1], edges[0], (-edges[::-1]).tolist()],
    )
    *counts, before_last, last = (found.get(-edge, 0) for edge in edges.tolist())
    return Histogram(tuple(edges.tolist()), (*counts, before_last + last))  # the last bin holds both its ends
