"""A brush in a thing's own coordinates: x from −0.5 to 0.5, y from 0 (its foot) to −1 (its top)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from PIL import ImageDraw

Colour = tuple[int, int, int]

SIDE = 128
"""pixels of a finished picture"""
OVERSAMPLING = 3
"""the canvas is this many times larger, then averaged down"""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0 to 1) of `second` in it."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def darker(colour: Colour, share: float = 0.25) -> Colour:
    """The colour in shade: towards a deep violet, not towards black."""
    return mix(colour, (52, 40, 78), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    """The colour in light: towards a warm white."""
    return mix(colour, (255, 250, 238), share)


@dataclass
class Brush:
    """Draws shapes for one thing; colours are multiplied by the light of the hour."""

    draw: ImageDraw.ImageDraw
    x: float
    """pixels of a finished picture"""
    y: float
    size: float
    """pixels per unit"""
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flip: bool = False

    def _at(self, x: float, y: float) -> tuple[float, float]:
        side = -x if self.flip else x
        return (self.x + side * self.size) * OVERSAMPLING, (self.y + y * self.size) * OVERSAMPLING

    def lit(self, colour: Colour) -> Colour:
        """The colour in this light."""
        return tuple(min(255, round(c * share)) for c, share in zip(colour, self.light, strict=True))

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([self._at(*point) for point in points], fill=self.lit(colour))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse around (x, y)."""
        (cx, cy), rx, ry = self._at(x, y), rx * self.size * OVERSAMPLING, ry * self.size * OVERSAMPLING
        self.draw.ellipse([cx - rx, cy - ry, cx + rx, cy + ry], fill=self.lit(colour))

    def turned(self, x: float, y: float, rx: float, ry: float, degrees: float, colour: Colour) -> None:
        """A filled ellipse turned by an angle."""
        turn, steps = math.radians(degrees), [2 * math.pi * k / 28 for k in range(28)]
        self.polygon(
            [
                (x + rx * math.cos(t) * math.cos(turn) - ry * math.sin(t) * math.sin(turn),
                 y + rx * math.cos(t) * math.sin(turn) + ry * math.sin(t) * math.cos(turn))
                for t in steps
            ],
            colour,
        )  # fmt: skip

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0) -> None:
        """A filled rectangle with round corners."""
        (x0, y0), (x1, y1) = self._at(left, top), self._at(right, bottom)
        shape = [min(x0, x1), y0, max(x0, x1), y1]
        self.draw.rounded_rectangle(shape, radius * self.size * OVERSAMPLING, fill=self.lit(colour))

    def stroke(self, points: list[tuple[float, float]], width: float, colour: Colour) -> None:
        """A line through the points with round ends."""
        placed, thick = [self._at(*point) for point in points], max(2, width * self.size * OVERSAMPLING)
        self.draw.line(placed, fill=self.lit(colour), width=round(thick), joint="curve")
        for x, y in (placed[0], placed[-1]):
            half = thick / 2
            self.draw.ellipse([x - half, y - half, x + half, y + half], fill=self.lit(colour))

    def curve(self, points: list[tuple[float, float]], width: float, colour: Colour) -> None:
        """A smooth line: a Bézier curve of any degree."""
        self.stroke([_bezier(points, k / 16) for k in range(17)], width, colour)


def _bezier(points: list[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(points) > 1:
        points = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(points)]
    return points[0]
