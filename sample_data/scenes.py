"""A scene as a picture of 128 × 128 pixels: sky, place, things, weather, in this order."""

from __future__ import annotations

import random

import creatures
import objects
from brush import OVERSAMPLING, SIDE, Brush, Colour, mix
from PIL import Image, ImageDraw
from places import PLACES
from sky import LIGHT, sky, thing_light, weather_over
from vocabulary import COLOURS, KINDS, Scene

THINGS = {name: getattr(creatures, name, None) or getattr(objects, name) for name in KINDS}
"""class name → function that draws one"""

_SHADOW: dict[str, Colour] = {
    "meadow": (76, 124, 80), "beach": (206, 172, 124), "street": (88, 86, 104), "snow": (196, 208, 230),
    "desert": (202, 146, 100), "lake": (84, 124, 80), "room": (146, 104, 76),
}  # fmt: skip
_CROWD = {1: 1.0, 2: 0.76, 3: 0.6, 4: 0.52}
"""how much smaller things are when there are more of them"""
_WIDE = {"car": 0.86, "bus": 0.82, "boat": 0.95, "duck": 0.9, "tent": 0.95}


def render(scene: Scene, seed: int) -> Image.Image:
    """Draw a scene; the seed decides everything that the scene leaves open (places of things, clouds, flowers).

    Returns:
        An RGB picture, 128 × 128.
    """
    rng = random.Random(seed)
    canvas = sky(rng, scene.time, scene.weather)
    if scene.place == "room":  # the weather is outside, behind the window
        canvas = weather_over(canvas, rng, scene.time, scene.weather)
    draw = ImageDraw.Draw(canvas)
    light = LIGHT[scene.time]
    if scene.place == "room":
        light = tuple((share + 2) / 3 for share in light)
    PLACES[scene.place](Brush(draw, 0, 0, 1, light), rng, scene.time)
    for x, y, size in sorted(_positions(scene, rng), key=lambda spot: spot[1]):
        _one(draw, scene, rng, (x, y, size), light)
    if scene.place != "room":
        canvas = weather_over(canvas, rng, scene.time, scene.weather)
    return canvas.reduce(OVERSAMPLING)


def _floats(scene: Scene) -> bool:
    return KINDS[scene.kind].stands == "water" and scene.place == "lake"


def _positions(scene: Scene, rng: random.Random) -> list[tuple[float, float, float]]:
    """Foot (x, y) and size of each thing; they may touch, but hardly cover each other."""
    kind, count = KINDS[scene.kind], scene.count
    size = kind.size * _CROWD[count] * _WIDE.get(scene.kind, 1.0 if count < 4 else 0.95)
    spots = []
    for k in range(count):
        x = SIDE * (k + 0.5) / count + rng.uniform(-1, 1) * (18 if count == 1 else 14 / count)
        if kind.stands == "sky":
            y = rng.uniform(size + 6, max(size + 8, 84)) if count > 1 else rng.uniform(size + 5, 84)
        elif _floats(scene):
            y = 100 + rng.uniform(-7, 7) if count == 1 else 99 + (k % 2) * 11 + rng.uniform(-3, 3)
        elif scene.place == "lake":  # on the shore
            y = 118 + rng.uniform(0, 3) + (k % 2) * 4
        else:
            y = 113 + rng.uniform(-5, 6) if count == 1 else 104 + (k % 2) * 14 + rng.uniform(-2, 4)
        wide = 0.5 * size
        spots.append((min(max(x, wide + 1), SIDE - wide - 1), y, size * rng.uniform(0.94, 1.06)))
    return spots


def _one(
    draw: ImageDraw.ImageDraw,
    scene: Scene,
    rng: random.Random,
    spot: tuple[float, float, float],
    light: tuple[float, float, float],
) -> None:
    x, y, size = spot
    kind, colour = KINDS[scene.kind], COLOURS[scene.colour]
    if kind.stands != "sky":
        ground = Brush(draw, x, y, size, light)
        ripple = (206, 226, 238) if scene.time != "sunset" else (236, 186, 170)
        ground.ellipse(0, 0, 0.52, 0.075, ripple if _floats(scene) else _SHADOW[scene.place])
    hue = mix(colour, tuple(rng.randrange(256) for _ in range(3)), 0.04)
    brush = Brush(draw, x, y, size, thing_light(scene.time), flip=rng.random() < 0.5)
    THINGS[scene.kind](brush, hue)
