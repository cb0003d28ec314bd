"""Made things: car, bus, boat, house, tent, balloon, kite, cup, vase. Each function draws one, in one main colour."""

from __future__ import annotations

import math

from brush import Brush, Colour, darker, lighter

INK = (54, 46, 66)
CREAM = (255, 249, 236)
GLASS = (190, 222, 236)
WOOD = (150, 106, 76)
LAMP = (255, 236, 150)


def _wheel(b: Brush, x: float, radius: float) -> None:
    b.ellipse(x, -radius, radius, radius, INK)
    b.ellipse(x, -radius, radius * 0.52, radius * 0.52, (206, 206, 214))
    b.ellipse(x, -radius, radius * 0.2, radius * 0.2, INK)


def car(b: Brush, colour: Colour) -> None:
    """A small round car from the side."""
    b.polygon([(-0.46, -0.46), (-0.3, -0.86), (-0.2, -0.92), (0.2, -0.92), (0.3, -0.84), (0.54, -0.46)], colour)
    b.polygon([(-0.36, -0.5), (-0.23, -0.81), (-0.02, -0.81), (-0.02, -0.5)], GLASS)
    b.polygon([(0.05, -0.5), (0.05, -0.81), (0.22, -0.81), (0.42, -0.5)], GLASS)
    b.polygon([(-0.28, -0.5), (-0.17, -0.76), (-0.11, -0.76), (-0.2, -0.5)], CREAM)
    b.box(-0.78, -0.52, 0.8, -0.14, colour, 0.15)
    b.box(-0.76, -0.26, 0.78, -0.14, darker(colour), 0.06)
    b.box(-0.1, -0.42, 0.02, -0.385, darker(colour, 0.4), 0.015)
    b.ellipse(0.74, -0.38, 0.065, 0.075, LAMP)
    b.ellipse(-0.74, -0.38, 0.045, 0.06, (222, 92, 84))
    for x in (-0.44, 0.46):
        b.ellipse(x, -0.18, 0.225, 0.225, darker(colour, 0.4))
        _wheel(b, x, 0.18)


def bus(b: Brush, colour: Colour) -> None:
    """A long, tall bus with a row of windows."""
    b.box(-0.86, -1.0, 0.86, -0.12, colour, 0.12)
    b.box(-0.86, -0.4, 0.86, -0.32, CREAM)
    b.box(-0.84, -0.26, 0.84, -0.12, darker(colour), 0.06)
    b.box(-0.7, -1.05, 0.4, -0.97, darker(colour), 0.03)
    for k in range(4):
        left = -0.76 + 0.33 * k
        b.box(left, -0.86, left + 0.26, -0.5, GLASS, 0.05)
        b.polygon([(left + 0.06, -0.52), (left + 0.16, -0.84), (left + 0.22, -0.84), (left + 0.12, -0.52)], CREAM)
    b.box(0.58, -0.86, 0.82, -0.2, darker(colour, 0.35), 0.04)
    b.box(0.61, -0.83, 0.79, -0.24, GLASS, 0.03)
    b.stroke([(0.7, -0.82), (0.7, -0.25)], 0.02, darker(colour, 0.35))
    b.ellipse(0.83, -0.3, 0.04, 0.055, LAMP)
    for x in (-0.5, 0.4):
        b.ellipse(x, -0.15, 0.185, 0.185, darker(colour, 0.4))
        _wheel(b, x, 0.15)


def boat(b: Brush, colour: Colour) -> None:
    """A sailing boat with two sails and a pennant."""
    b.stroke([(-0.02, -0.2), (-0.02, -1.0)], 0.035, WOOD)
    b.polygon([(0.02, -0.94), (0.02, -0.3), (0.44, -0.3)], lighter(colour, 0.55))
    b.polygon([(0.02, -0.52), (0.02, -0.3), (0.44, -0.3), (0.3, -0.52)], lighter(colour, 0.15))
    b.polygon([(-0.06, -0.82), (-0.06, -0.3), (-0.4, -0.3)], CREAM)
    b.polygon([(-0.02, -1.0), (-0.02, -0.9), (0.16, -0.95)], (222, 92, 84))
    b.polygon([(-0.56, -0.25), (0.6, -0.25), (0.4, 0.0), (-0.4, 0.0)], colour)
    b.polygon([(-0.49, -0.11), (0.49, -0.11), (0.4, 0.0), (-0.4, 0.0)], darker(colour, 0.3))
    b.stroke([(-0.55, -0.24), (0.58, -0.24)], 0.035, WOOD)
    for x in (-0.24, 0, 0.24):
        b.ellipse(x, -0.165, 0.03, 0.03, CREAM)


def house(b: Brush, colour: Colour) -> None:
    """A house with coloured walls, a dark roof, a door and lit windows."""
    roof = (132, 88, 92)
    b.box(0.2, -0.96, 0.34, -0.6, (178, 108, 92))
    b.box(-0.42, -0.58, 0.42, 0.0, colour)
    b.polygon([(0.1, -0.58), (0.42, -0.58), (0.42, 0.0), (0.1, 0.0)], darker(colour, 0.12))
    b.polygon([(-0.54, -0.55), (-0.02, -1.0), (0.5, -0.55)], roof)
    b.polygon([(-0.54, -0.55), (-0.02, -1.0), (0.02, -0.97), (-0.44, -0.55)], lighter(roof, 0.25))
    b.ellipse(-0.02, -0.7, 0.07, 0.07, LAMP)
    b.box(-0.1, -0.32, 0.1, 0.0, (112, 76, 70), 0.03)
    b.ellipse(0.06, -0.15, 0.018, 0.018, LAMP)
    for x in (-0.28, 0.26):
        b.box(x - 0.09, -0.44, x + 0.09, -0.22, CREAM, 0.02)
        b.box(x - 0.07, -0.42, x + 0.07, -0.24, LAMP, 0.01)
        b.stroke([(x, -0.42), (x, -0.24)], 0.02, CREAM)


def tent(b: Brush, colour: Colour) -> None:
    """A ridge tent with an open flap and a pennant."""
    b.stroke([(0, -0.9), (0, -1.08)], 0.03, WOOD)
    b.polygon([(0, -1.08), (0.2, -1.02), (0, -0.96)], (236, 112, 92))
    b.polygon([(0, -0.92), (-0.66, 0.0), (0.66, 0.0)], colour)
    b.polygon([(0, -0.92), (0.2, 0.0), (0.66, 0.0)], darker(colour, 0.16))
    for side in (-1, 1):
        b.polygon([(side * 0.02, -0.9), (side * 0.42, 0.0), (side * 0.52, 0.0)], lighter(colour, 0.5))
        b.stroke([(side * 0.5, -0.2), (side * 0.74, 0.0)], 0.018, CREAM)
    b.polygon([(0, -0.62), (-0.2, 0.0), (0.2, 0.0)], INK)
    b.polygon([(0, -0.62), (-0.2, 0.0), (-0.3, 0.0)], lighter(colour, 0.35))
    b.ellipse(0.02, -0.07, 0.08, 0.045, LAMP)


def balloon(b: Brush, colour: Colour) -> None:
    """A hot-air balloon with gores and a basket."""
    for x in (-0.1, 0.1):
        b.stroke([(x, -0.12), (x * 2.2, -0.4)], 0.014, WOOD)
    b.box(-0.11, -0.14, 0.11, 0.0, WOOD, 0.03)
    b.box(-0.12, -0.15, 0.12, -0.11, darker(WOOD), 0.02)
    shade = darker(colour, 0.15)
    b.polygon([(-0.33, -0.5), (0.33, -0.5), (0.12, -0.24), (-0.12, -0.24)], shade)
    b.ellipse(0, -0.63, 0.38, 0.37, shade)
    for half, tone in ((0.29, lighter(colour, 0.55)), (0.18, colour), (0.07, lighter(colour, 0.55))):
        rim = [(half * math.cos(t), -0.63 + 0.37 * math.sin(t)) for t in (math.pi * k / 14 for k in range(14, 29))]
        b.polygon([*rim, (half * 0.94, -0.5), (half * 0.4, -0.24), (-half * 0.4, -0.24), (-half * 0.94, -0.5)], tone)
    b.box(-0.125, -0.26, 0.125, -0.22, darker(colour, 0.3), 0.02)
    b.turned(-0.2, -0.8, 0.1, 0.045, -48, CREAM)


def kite(b: Brush, colour: Colour) -> None:
    """A diamond kite with a long tail of bows."""
    b.curve([(0, -0.34), (-0.16, -0.22), (0.22, -0.16), (0.0, 0.02)], 0.02, CREAM)
    for x, y in ((-0.02, -0.24), (0.06, -0.14), (0.06, -0.04)):
        b.polygon([(x, y), (x - 0.09, y - 0.05), (x - 0.09, y + 0.05)], lighter(colour, 0.2))
        b.polygon([(x, y), (x + 0.09, y - 0.05), (x + 0.09, y + 0.05)], lighter(colour, 0.45))
    top, left, right, foot, cross = (0, -1.0), (-0.34, -0.72), (0.34, -0.72), (0, -0.32), (0, -0.72)
    b.polygon([top, left, cross], colour)
    b.polygon([top, right, cross], lighter(colour, 0.5))
    b.polygon([left, cross, foot], lighter(colour, 0.5))
    b.polygon([right, cross, foot], darker(colour, 0.12))
    b.stroke([top, foot], 0.016, WOOD)
    b.stroke([left, right], 0.016, WOOD)


def cup(b: Brush, colour: Colour) -> None:
    """A wide cup with a handle, tea and steam."""
    shade = darker(colour, 0.18)
    b.ellipse(0.4, -0.38, 0.2, 0.2, shade)
    b.ellipse(0.4, -0.38, 0.11, 0.11, (236, 226, 212))
    b.ellipse(0, -0.03, 0.46, 0.07, lighter(shade, 0.2))
    b.box(-0.42, -0.64, 0.42, -0.1, colour, 0.04)
    b.ellipse(0, -0.16, 0.42, 0.15, colour)
    b.polygon([(0.24, -0.62), (0.42, -0.62), (0.42, -0.16), (0.26, -0.08)], shade)
    b.ellipse(0, -0.64, 0.42, 0.09, lighter(colour, 0.5))
    b.ellipse(0, -0.63, 0.36, 0.065, (146, 92, 62))
    b.box(-0.32, -0.5, -0.25, -0.2, lighter(colour, 0.6), 0.03)
    for x in (-0.12, 0.12):
        b.curve([(x, -0.74), (x - 0.12, -0.82), (x + 0.12, -0.9), (x, -1.0)], 0.03, CREAM)


def vase(b: Brush, colour: Colour) -> None:
    """A slender vase with three flowers."""
    for x, y, petal in ((-0.2, -0.84, (244, 170, 190)), (0.2, -0.82, (250, 214, 120)), (0, -0.96, (240, 132, 112))):
        b.curve([(0, -0.5), (x * 0.5, -0.7), (x, y)], 0.025, (98, 150, 92))
        for k in range(5):
            turn = 2 * math.pi * k / 5
            b.ellipse(x + 0.06 * math.cos(turn), y + 0.06 * math.sin(turn), 0.05, 0.05, petal)
        b.ellipse(x, y, 0.035, 0.035, (252, 236, 170))
    shade = darker(colour, 0.18)
    b.polygon([(-0.1, -0.56), (0.1, -0.56), (0.08, -0.44), (0.2, -0.3), (-0.2, -0.3), (-0.08, -0.44)], colour)
    b.ellipse(0, -0.25, 0.23, 0.19, colour)
    b.polygon([(-0.18, -0.18), (0.18, -0.18), (0.11, 0.0), (-0.11, 0.0)], colour)
    b.turned(0.13, -0.22, 0.17, 0.07, 82, shade)
    b.box(-0.13, -0.6, 0.13, -0.55, lighter(colour, 0.4), 0.02)
    b.box(-0.21, -0.29, 0.21, -0.235, lighter(colour, 0.55), 0.02)
    b.turned(-0.12, -0.16, 0.08, 0.025, 75, CREAM)
