"""Places: meadow, beach, street, snow, desert, lake, room. Each function draws the ground over a sky."""

from __future__ import annotations

import math
import random

from brush import SIDE, Brush, Colour, darker, lighter, mix
from creatures import tree

WATER = {"morning": (128, 178, 200), "noon": (78, 160, 208), "sunset": (176, 116, 136), "night": (70, 88, 150)}


def _hill(b: Brush, top: float, swing: float, phase: float, colour: Colour, waves: float = 1.0) -> None:
    """Everything below a rolling line."""
    line = [(x, top + swing * math.sin(phase + waves * x / SIDE * 2 * math.pi)) for x in range(-4, SIDE + 8, 4)]
    b.polygon([*line, (SIDE + 8, SIDE + 2), (-4, SIDE + 2)], colour)


def meadow(b: Brush, rng: random.Random, time: str) -> None:
    """Rolling grass with flowers."""
    phase = rng.uniform(0, 6)
    _hill(b, 74, 6, phase, (150, 196, 142))
    _hill(b, 82, 5, phase + 2, (124, 184, 110))
    _hill(b, 93, 4, phase + 4, (104, 168, 92))
    for _ in range(26):
        x, y = rng.uniform(0, SIDE), rng.uniform(100, SIDE)
        b.stroke([(x, y), (x + rng.uniform(-1, 1), y - 3)], 0.7, (80, 142, 76))
    for _ in range(15):
        x, y, petal = rng.uniform(0, SIDE), rng.uniform(98, SIDE), rng.choice(((250, 246, 236), (250, 214, 110), (240, 160, 184)))  # fmt: skip # noqa: E501
        b.ellipse(x, y, 1.5, 1.5, petal)
        b.ellipse(x, y, 0.6, 0.6, (236, 170, 80))


def beach(b: Brush, rng: random.Random, time: str) -> None:
    """Sea, surf and sand, with a starfish or a shell."""
    sea = WATER[time] if time == "sunset" else (84, 170, 206)
    b.box(-2, 72, SIDE + 2, 100, sea)
    b.box(-2, 72, SIDE + 2, 75, lighter(sea, 0.25))
    for _ in range(9):
        x, y = rng.uniform(0, SIDE), rng.uniform(78, 88)
        b.stroke([(x, y), (x + rng.uniform(4, 10), y)], 0.8, lighter(sea, 0.45))
    phase = rng.uniform(0, 6)
    _hill(b, 90, 1.6, phase, (250, 248, 240), 1.5)
    _hill(b, 92.5, 1.6, phase + 0.2, (244, 218, 166), 1.5)
    _hill(b, 106, 2.5, phase + 2, (250, 228, 182))
    for _ in range(22):
        b.ellipse(rng.uniform(0, SIDE), rng.uniform(98, SIDE), 0.6, 0.5, (220, 188, 136))
    for _ in range(2):
        x, y = rng.uniform(8, 120), rng.uniform(116, 124)
        arms = [(x + r * math.cos(t), y + r * 0.8 * math.sin(t))
                for k in range(10) for t, r in [(math.pi * k / 5 - 1.57, 3.6 if k % 2 == 0 else 1.5)]]  # fmt: skip
        b.polygon(arms, (236, 138, 110))


def street(b: Brush, rng: random.Random, time: str) -> None:
    """A road in front of a row of town houses; their windows are lit in the dark."""
    x = -rng.uniform(0, 14)
    while x < SIDE:
        width, top = rng.uniform(18, 27), rng.uniform(40, 62)
        wall = rng.choice(((206, 168, 156), (188, 182, 198), (214, 196, 166), (166, 182, 192)))
        b.box(x, top, x + width, 100, wall)
        b.box(x - 0.5, top - 2, x + width + 0.5, top + 1, darker(wall, 0.35))
        for row in range(int((86 - top) // 11)):
            for column in range(2):
                left, upper = x + width * (0.18 + 0.42 * column), top + 5 + 11 * row
                lit = time in ("night", "sunset") and rng.random() < 0.6
                b.box(left, upper, left + width * 0.22, upper + 6, (255, 226, 130) if lit else (122, 140, 164), 0.5)
        x += width + 0.6
    b.box(-2, 90, SIDE + 2, 98, (200, 196, 198))
    b.box(-2, 96.5, SIDE + 2, 98, (164, 160, 168))
    b.box(-2, 98, SIDE + 2, SIDE + 2, (112, 112, 126))
    start = rng.uniform(-14, 0)
    for k in range(7):
        b.box(start + 24 * k, 113, start + 24 * k + 12, 115.4, (240, 234, 214), 0.6)


def snow(b: Brush, rng: random.Random, time: str) -> None:
    """White hills and small fir trees."""
    phase = rng.uniform(0, 6)
    _hill(b, 72, 7, phase, (208, 220, 236))
    for _ in range(6):
        x, y, tall = rng.uniform(2, 126), rng.uniform(78, 88), rng.uniform(11, 18)
        for k in range(3):
            wide, base = tall * (0.34 - 0.07 * k), y - tall * 0.27 * k
            fir = [(x - wide, base), (x + wide, base), (x, base - tall * 0.44)]
            b.polygon(fir, mix((74, 118, 112), (206, 222, 232), 0.12 * k))
    _hill(b, 86, 5, phase + 2, (228, 236, 246))
    _hill(b, 100, 4, phase + 4, (246, 249, 253))
    for _ in range(14):
        x, y = rng.uniform(0, SIDE), rng.uniform(104, SIDE)
        b.stroke([(x, y), (x + rng.uniform(2, 6), y)], 0.7, (214, 224, 240))


def desert(b: Brush, rng: random.Random, time: str) -> None:
    """Dunes, and a table mountain behind them."""
    x, wide = rng.uniform(0, 90), rng.uniform(26, 44)
    b.polygon([(x, 80), (x + 6, 56), (x + wide - 6, 56), (x + wide, 80)], (206, 128, 96))
    b.polygon([(x + wide * 0.55, 56), (x + wide - 6, 56), (x + wide, 80), (x + wide * 0.62, 80)], (180, 108, 88))
    phase = rng.uniform(0, 6)
    _hill(b, 77, 4, phase, (232, 172, 112))
    _hill(b, 88, 5, phase + 2.2, (240, 186, 122))
    _hill(b, 102, 4, phase + 4.1, (246, 200, 136))
    for k in range(4):
        y = 108 + 5 * k
        left = rng.uniform(-10, 60)
        b.curve([(left, y), (left + 18, y - 3), (left + 32, y + 2), (left + 52, y - 1)], 0.7, (228, 172, 112))
    for _ in range(5):
        b.ellipse(rng.uniform(0, SIDE), rng.uniform(104, 126), 1.8, 1.1, (186, 132, 100))


def lake(b: Brush, rng: random.Random, time: str) -> None:
    """Still water between blue hills and a reedy shore."""
    phase, water = rng.uniform(0, 6), WATER[time] if time == "sunset" else (96, 164, 196)
    _hill(b, 62, 9, phase, (136, 156, 186))
    _hill(b, 70, 4, phase + 2, (104, 144, 138))
    for _ in range(5):
        tree(Brush(b.draw, rng.uniform(0, SIDE), 78, rng.uniform(9, 14), b.light), (84, 132, 104))
    b.box(-2, 76, SIDE + 2, SIDE + 2, water)
    b.box(-2, 76, SIDE + 2, 78.5, darker(water, 0.18))
    for _ in range(18):
        x, y = rng.uniform(-6, SIDE), rng.uniform(81, 112)
        b.stroke([(x, y), (x + rng.uniform(5, 14), y)], 0.8, lighter(water, 0.35))
    _hill(b, 117, 2, phase + 1, (110, 160, 92))
    for edge in (0, SIDE):
        for _ in range(5):
            x = abs(edge - rng.uniform(1, 13))
            top = rng.uniform(98, 108)
            b.stroke([(x, 122), (x + rng.uniform(-2, 2), top)], 0.8, (88, 132, 80))
            b.box(x - 1, top - 3, x + 1, top + 3, (134, 92, 68), 1)


def room(b: Brush, rng: random.Random, time: str) -> None:
    """A room with a table; the sky stays in the window."""
    wall = rng.choice(((236, 216, 196), (206, 222, 214), (222, 210, 226), (240, 224, 178)))
    left, right, top, low = 24, 104, 10, 62
    for x0, y0, x1, y1 in ((-1, -1, left, SIDE), (right, -1, SIDE + 1, SIDE), (-1, -1, SIDE, top), (-1, low, SIDE, SIDE)):  # fmt: skip # noqa: E501
        b.box(x0, y0, x1, y1, wall)
    frame = (250, 246, 238)
    for points in ([(left, top), (right, top), (right, low), (left, low), (left, top)],
                   [(64, top), (64, low)], [(left, 36), (right, 36)]):  # fmt: skip
        b.stroke(points, 2.4, frame)
    curtain = rng.choice(((224, 130, 120), (122, 160, 190), (168, 144, 190), (140, 178, 140)))
    for side, edge in ((1, left), (-1, right)):
        b.polygon([(edge - 7 * side, 7), (edge + 15 * side, 7), (edge + 4 * side, 40), (edge + 2 * side, 70),
                   (edge - 8 * side, 70)], curtain)  # fmt: skip
        b.stroke([(edge, 8), (edge - 2 * side, 69)], 0.9, darker(curtain, 0.18))
    b.stroke([(10, 7), (118, 7)], 2, (150, 108, 80))
    b.box(-2, 92, SIDE + 2, SIDE + 2, (190, 140, 100))
    b.box(-2, 92, SIDE + 2, 95, (212, 164, 122))
    for y in (104, 113, 121):
        b.curve([(-4, y), (40, y + 3), (80, y - 3), (SIDE + 4, y)], 0.7, (170, 122, 88))


PLACES = {"meadow": meadow, "beach": beach, "street": street, "snow": snow, "desert": desert, "lake": lake,
          "room": room}  # fmt: skip
"""name → function that draws it"""
