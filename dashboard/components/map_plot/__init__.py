"""The map: all pairs as points, from which an area is chosen by mouse, touch or keyboard."""

from dashboard.components.map_plot.component import map_of, map_plot

__all__ = ["map_of", "map_plot"]
