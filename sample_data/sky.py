"""Skies by time of day, and weather laid over a finished picture."""

from __future__ import annotations

import random

import numpy as np
from brush import OVERSAMPLING, SIDE, Brush, Colour, mix
from PIL import Image, ImageDraw

_STOPS: dict[str, tuple[Colour, Colour, Colour]] = {
    "morning": ((142, 190, 226), (204, 220, 226), (255, 226, 194)),
    "noon": ((84, 168, 230), (146, 206, 242), (220, 242, 248)),
    "sunset": ((98, 84, 156), (238, 132, 118), (255, 208, 138)),
    "night": ((20, 26, 66), (42, 54, 112), (84, 92, 158)),
}
_OVERCAST: dict[str, Colour] = {
    "morning": (186, 192, 202),
    "noon": (164, 178, 196),
    "sunset": (170, 124, 140),
    "night": (48, 52, 88),
}
_CLOUDINESS = {"clear": 0.0, "rain": 0.62, "snow": 0.45, "fog": 0.5}

LIGHT: dict[str, tuple[float, float, float]] = {
    "morning": (1.0, 0.965, 0.93),
    "noon": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.84, 0.76),
    "night": (0.58, 0.62, 0.86),
}
"""what colours are multiplied by at each hour"""

_FOG: dict[str, Colour] = {
    "morning": (236, 232, 228),
    "noon": (232, 238, 242),
    "sunset": (238, 202, 190),
    "night": (126, 134, 172),
}


def thing_light(time: str) -> tuple[float, float, float]:
    """Light on things: halfway to white, so that their colour stays readable at night."""
    return tuple((share + 1) / 2 for share in LIGHT[time])


def sky(rng: random.Random, time: str, weather: str) -> Image.Image:
    """The oversampled canvas, filled with sky: sun or moon, stars, clouds."""
    side = SIDE * OVERSAMPLING
    stops = [mix(stop, _OVERCAST[time], _CLOUDINESS[weather]) for stop in _STOPS[time]]
    height = np.linspace(0, 1, side)
    rows = np.stack([np.interp(height, (0, 0.4, 0.72), [stop[c] for stop in stops]) for c in range(3)], -1)
    canvas = Image.fromarray(np.repeat(rows[:, None], side, 1).round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    _lights(rng, Brush(draw, 0, 0, 1), time, weather, stops)
    cloud = mix((255, 255, 255), stops[1], {"night": 0.72, "sunset": 0.5}.get(time, 0.25))
    if weather in ("rain", "snow"):
        cloud = mix(_OVERCAST[time], (70, 74, 100), 0.3 if weather == "rain" else 0.05)
    for _ in range({"clear": rng.choice((0, 1, 2)), "rain": 4, "snow": 3, "fog": 1}[weather]):
        _cloud(Brush(draw, rng.uniform(0, SIDE), rng.uniform(8, 34), rng.uniform(16, 26)), cloud)
    return canvas


def _lights(rng: random.Random, b: Brush, time: str, weather: str, stops: list[Colour]) -> None:
    x, left = rng.uniform(16, 112), weather == "clear"
    if time == "night":
        for _ in range(34 if left else 7):
            r = rng.choice((0.45, 0.6, 0.95))
            b.ellipse(rng.uniform(0, SIDE), rng.uniform(0, 76), r, r, (236, 236, 250))
        y = rng.uniform(14, 28)
        if weather != "rain":
            b.ellipse(x, y, 12.5, 12.5, mix(stops[0], (255, 244, 206), 0.14))
            b.ellipse(x, y, 9, 9, (255, 244, 206) if left else mix(stops[0], (255, 244, 206), 0.7))
            b.ellipse(x + 4.2, y - 2.2, 7.6, 7.6, mix(stops[0], (255, 244, 206), 0.1))
        return
    if weather in ("rain", "snow"):
        return
    y = {"morning": rng.uniform(46, 60), "noon": rng.uniform(12, 20), "sunset": rng.uniform(58, 70)}[time]
    colour = {"morning": (255, 238, 186), "noon": (255, 232, 130), "sunset": (255, 172, 104)}[time]
    radius = {"morning": 9, "noon": 9, "sunset": 14}[time]
    around = mix(stops[1], stops[2], 0 if time == "noon" else 0.6)
    for grow, share in ((1.9, 0.14), (1.45, 0.3), (1.0, 1.0 if left else 0.6)):
        b.ellipse(x, y, radius * grow, radius * grow, mix(around, colour, share))


def _cloud(b: Brush, colour: Colour) -> None:
    for x, y, r in ((-0.6, 0, 0.3), (-0.2, -0.16, 0.42), (0.25, -0.1, 0.36), (0.62, 0.02, 0.26)):
        b.ellipse(x, y, r, r * 0.8, colour)
    b.box(-0.85, 0, 0.85, 0.25, colour, 0.12)


def weather_over(canvas: Image.Image, rng: random.Random, time: str, weather: str) -> Image.Image:
    """The canvas with rain, snowfall or fog in front of everything."""
    if weather == "clear":
        return canvas
    if weather == "fog":
        return _fog(canvas, rng, time)
    draw = ImageDraw.Draw(canvas, "RGBA")
    scale = OVERSAMPLING
    if weather == "rain":
        ink = (214, 230, 248, 150) if time != "night" else (170, 190, 236, 130)
        for _ in range(85):
            x, y, length = rng.uniform(-8, SIDE), rng.uniform(-10, SIDE), rng.uniform(5, 10)
            draw.line([x * scale, y * scale, (x - length * 0.3) * scale, (y + length) * scale], ink, 2)
    else:
        for _ in range(75):
            x, y, r = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.choice((0.7, 1.0, 1.5))
            box = [(x - r) * scale, (y - r) * scale, (x + r) * scale, (y + r) * scale]
            draw.ellipse(box, (255, 255, 255, 225 if time != "night" else 190))
    return canvas


def _fog(canvas: Image.Image, rng: random.Random, time: str) -> Image.Image:
    side = SIDE * OVERSAMPLING
    height = np.arange(side) / side
    density = 0.4 + 0.0 * height
    for _ in range(3):
        middle, width = rng.uniform(0.35, 0.95), rng.uniform(0.05, 0.1)
        density = density + 0.2 * np.exp(-(((height - middle) / width) ** 2))
    alpha = np.clip(density * 255, 0, 185).astype(np.uint8)
    mask = Image.fromarray(np.repeat(alpha[:, None], side, 1))
    canvas.paste(Image.new("RGB", canvas.size, _FOG[time]), (0, 0), mask)
    return canvas
