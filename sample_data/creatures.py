"""Living things: cat, fox, duck, tree, cactus, apple, pear. Each function draws one, in one main colour."""

from __future__ import annotations

from brush import Brush, Colour, darker, lighter, mix

INK = (54, 46, 66)
CREAM = (255, 249, 236)
BARK = (122, 84, 66)
LEAF = (104, 160, 92)


def cat(b: Brush, colour: Colour) -> None:
    """A sitting cat: round head, small upright ears, a thin curled tail."""
    shade, light = darker(colour), lighter(colour, 0.5)
    b.curve([(0.2, -0.06), (0.62, 0.0), (0.52, -0.42), (0.4, -0.46)], 0.09, shade)
    b.ellipse(0, -0.26, 0.27, 0.27, colour)
    b.ellipse(0, -0.2, 0.15, 0.18, light)
    for side in (-1, 1):
        b.ellipse(side * 0.12, -0.03, 0.1, 0.05, lighter(colour, 0.25))
        b.polygon([(side * 0.27, -0.7), (side * 0.25, -1.0), (side * 0.05, -0.84)], colour)
        b.polygon([(side * 0.23, -0.76), (side * 0.22, -0.93), (side * 0.1, -0.83)], (238, 168, 168))
    b.ellipse(0, -0.66, 0.29, 0.23, colour)
    for x in (-0.07, 0, 0.07):
        b.stroke([(x, -0.86), (x, -0.77)], 0.025, shade)
    _eyes(b, 0.12, -0.67, 0.045)
    b.ellipse(0, -0.56, 0.1, 0.065, light)
    b.polygon([(-0.035, -0.6), (0.035, -0.6), (0, -0.56)], (226, 120, 128))
    for side in (-1, 1):
        for lift in (-0.03, 0.03):
            b.stroke([(side * 0.14, -0.56), (side * 0.38, -0.57 + lift)], 0.012, darker(colour, 0.45))


def fox(b: Brush, colour: Colour) -> None:
    """A sitting fox: pointed face with white cheeks, large dark-tipped ears, a bushy tail with a white tip."""
    shade = darker(colour)
    b.turned(0.34, -0.22, 0.3, 0.15, -52, shade)
    b.turned(0.46, -0.39, 0.13, 0.1, -52, CREAM)
    b.ellipse(0, -0.24, 0.23, 0.25, colour)
    b.polygon([(-0.12, -0.44), (0.12, -0.44), (0, -0.12)], CREAM)
    for side in (-1, 1):
        b.ellipse(side * 0.1, -0.03, 0.085, 0.045, INK)
        b.polygon([(side * 0.33, -0.66), (side * 0.3, -1.05), (side * 0.04, -0.8)], colour)
        b.polygon([(side * 0.318, -0.84), (side * 0.3, -1.05), (side * 0.175, -0.93)], INK)
    b.polygon([(-0.34, -0.66), (-0.2, -0.84), (0.2, -0.84), (0.34, -0.66), (0.06, -0.4), (-0.06, -0.4)], colour)
    for side in (-1, 1):
        b.polygon([(side * 0.34, -0.66), (side * 0.12, -0.62), (side * 0.02, -0.42), (side * 0.06, -0.4)], CREAM)
    _eyes(b, 0.12, -0.68, 0.04)
    b.ellipse(0, -0.42, 0.055, 0.045, INK)


def _eyes(b: Brush, apart: float, y: float, radius: float) -> None:
    for side in (-1, 1):
        b.ellipse(side * apart, y, radius, radius * 1.15, INK)
        b.ellipse(side * apart + radius * 0.3, y - radius * 0.4, radius * 0.35, radius * 0.35, CREAM)


def duck(b: Brush, colour: Colour) -> None:
    """A duck from the side, with an orange beak."""
    shade = darker(colour, 0.2)
    b.polygon([(-0.36, -0.34), (-0.62, -0.5), (-0.5, -0.14)], colour)
    b.ellipse(-0.05, -0.24, 0.46, 0.25, colour)
    b.polygon([(0.1, -0.34), (0.18, -0.72), (0.4, -0.6), (0.38, -0.2)], colour)
    b.ellipse(0.3, -0.74, 0.21, 0.2, colour)
    b.polygon([(0.46, -0.82), (0.72, -0.7), (0.46, -0.62)], (242, 150, 62))
    b.stroke([(0.48, -0.7), (0.66, -0.7)], 0.02, (206, 112, 48))
    b.turned(-0.1, -0.27, 0.26, 0.13, -10, shade)
    b.turned(-0.08, -0.31, 0.2, 0.08, -10, lighter(colour, 0.3))
    b.ellipse(0.35, -0.79, 0.04, 0.045, INK)
    b.ellipse(0.36, -0.8, 0.014, 0.014, CREAM)


def tree(b: Brush, colour: Colour) -> None:
    """A round-crowned tree on a trunk."""
    b.polygon([(-0.08, 0), (0.08, 0), (0.05, -0.5), (-0.05, -0.5)], BARK)
    b.stroke([(0, -0.3), (0.14, -0.46)], 0.04, BARK)
    b.stroke([(0, -0.34), (-0.13, -0.48)], 0.04, BARK)
    shade = darker(colour, 0.22)
    for x, y, r in ((-0.22, -0.52, 0.2), (0.22, -0.52, 0.2), (0, -0.48, 0.2), (0, -0.72, 0.27)):
        b.ellipse(x, y + 0.02, r, r, shade)
    for x, y, r in ((-0.22, -0.57, 0.18), (0.2, -0.57, 0.17), (-0.02, -0.75, 0.24)):
        b.ellipse(x, y, r, r, colour)
    for x, y, r in ((-0.1, -0.82, 0.1), (-0.27, -0.62, 0.07), (0.16, -0.63, 0.06)):
        b.ellipse(x, y, r, r, lighter(colour, 0.3))


def cactus(b: Brush, colour: Colour) -> None:
    """A column cactus with two raised arms and a flower."""
    shade, rib = darker(colour, 0.15), darker(colour, 0.32)
    b.curve([(-0.08, -0.34), (-0.36, -0.34), (-0.34, -0.42), (-0.34, -0.66)], 0.15, shade)
    b.curve([(0.08, -0.46), (0.36, -0.46), (0.34, -0.54), (0.34, -0.8)], 0.14, shade)
    b.box(-0.15, -0.95, 0.15, 0, colour, 0.15)
    b.box(-0.1, -0.9, -0.02, -0.05, lighter(colour, 0.28), 0.04)
    for x in (0.02, 0.09):
        b.stroke([(x, -0.86), (x, -0.04)], 0.018, rib)
    for x, y in ((-0.05, -0.6), (0.055, -0.72), (-0.05, -0.3), (0.055, -0.4), (-0.34, -0.58), (0.34, -0.7)):
        b.stroke([(x - 0.03, y - 0.03), (x + 0.03, y + 0.03)], 0.014, CREAM)
        b.stroke([(x + 0.03, y - 0.03), (x - 0.03, y + 0.03)], 0.014, CREAM)
    for x in (-0.06, 0.06, 0):
        b.ellipse(x, -0.98 - (x == 0) * 0.03, 0.055, 0.055, mix((236, 96, 138), colour, 0.1))
    b.ellipse(0, -0.97, 0.03, 0.03, (252, 218, 110))


def apple(b: Brush, colour: Colour) -> None:
    """An apple: wide and round, with a dip at the top."""
    shade = darker(colour, 0.2)
    for x in (-0.18, 0.18):
        b.ellipse(x, -0.4, 0.3, 0.38, shade)
    b.ellipse(0, -0.34, 0.38, 0.34, shade)
    for x in (-0.19, 0.15):
        b.ellipse(x, -0.43, 0.27, 0.34, colour)
    b.ellipse(-0.03, -0.36, 0.34, 0.3, colour)
    b.turned(-0.26, -0.5, 0.11, 0.06, -55, lighter(colour, 0.6))
    b.ellipse(0, -0.74, 0.13, 0.045, darker(colour, 0.35))
    b.curve([(0, -0.7), (0, -0.86), (0.06, -0.98)], 0.055, BARK)
    b.turned(0.2, -0.88, 0.17, 0.075, -22, LEAF)


def pear(b: Brush, colour: Colour) -> None:
    """A pear: narrow shoulders on a round belly."""
    shade = darker(colour, 0.2)
    b.ellipse(0.02, -0.29, 0.33, 0.29, shade)
    b.polygon([(-0.28, -0.4), (-0.15, -0.72), (0.17, -0.72), (0.33, -0.38)], shade)
    b.ellipse(0.01, -0.72, 0.165, 0.155, shade)
    b.ellipse(-0.02, -0.3, 0.29, 0.26, colour)
    b.polygon([(-0.28, -0.4), (-0.15, -0.72), (0.1, -0.72), (0.24, -0.4)], colour)
    b.ellipse(-0.02, -0.73, 0.135, 0.135, colour)
    b.turned(-0.15, -0.42, 0.15, 0.05, -68, lighter(colour, 0.6))
    for x, y in ((0.06, -0.22), (0.13, -0.32), (-0.02, -0.14), (0.1, -0.13)):
        b.ellipse(x, y, 0.014, 0.014, darker(colour, 0.4))
    b.curve([(0, -0.84), (0.01, -0.95), (0.08, -1.04)], 0.05, BARK)
    b.turned(-0.14, -0.94, 0.14, 0.06, 22, LEAF)
