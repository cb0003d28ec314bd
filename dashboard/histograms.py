"""Histograms to choose ranges from. No Streamlit here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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


def histogram(values: np.ndarray) -> Histogram | None:
    """The histogram of the finite values; None where there is nothing to choose from.

    Args:
        values: of one measure, `[pairs]`.
    """
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        return None
    low, high = np.quantile(finite, [TAIL, 1 - TAIL])
    if low == high:
        low, high = finite.min(), finite.max()
    decimals = 1 - math.floor(math.log10((high - low) / NUM_BINS))
    edges = np.unique(np.round(np.linspace(low, high, NUM_BINS + 1), decimals))
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
