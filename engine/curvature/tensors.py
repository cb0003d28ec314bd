"""Curvatures that go tensor by tensor: where each lies in the flat vector, and how many rows fit in memory."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod

from engine.parameters import ParameterSubset

ENTRIES_AT_ONCE = 2**22
"""entries of stacked directions or gradients in memory at once; never changes a result. 16 MiB in float32: larger
allocations are given back and faulted in again each time, which cost a third of a DataInf build when measured"""


def sizes(subset: ParameterSubset) -> list[int]:
    """Number of parameters of each tensor."""
    return [prod(shape) for shape in subset.shapes.values()]


def blocks(subset: ParameterSubset) -> list[slice]:
    """Where each tensor lies in the flat vector."""
    ends = list(accumulate(sizes(subset), initial=0))
    return [slice(first, end) for first, end in pairwise(ends)]


def rows_at_once(entries_per_row: int) -> int:
    """How many rows of this size are computed together, at least 1."""
    return max(1, ENTRIES_AT_ONCE // entries_per_row)
