"""Which classes are taken for which: the frequent confusions in words, and the matrix to click and walk."""

from dashboard.components.confusion.component import confusion

__all__ = ["confusion"]
