"""Histograms on which ranges are chosen by dragging or by keys."""

from dashboard.components.brush.component import Brush, brushes, read_ranges

__all__ = ["Brush", "brushes", "read_ranges"]
