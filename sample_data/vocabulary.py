"""What a scene can hold: kinds of things, colours, places, times of day, weather; and how one is drawn by lot."""

from __future__ import annotations

import random
from dataclasses import dataclass

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (216, 74, 68),
    "orange": (240, 146, 66),
    "yellow": (247, 204, 88),
    "green": (98, 170, 102),
    "blue": (72, 130, 200),
    "purple": (146, 106, 186),
    "pink": (243, 160, 182),
    "white": (248, 246, 240),
    "grey": (152, 156, 168),
    "brown": (150, 104, 76),
}
"""name → RGB at noon"""

TIMES = ("morning", "noon", "sunset", "night")
WEATHERS = ("clear", "rain", "snow", "fog")
WEATHER_WEIGHTS = (5, 2, 2, 2)
COUNT_WEIGHTS = (9, 5, 3, 2)
LAND = ("meadow", "snow", "beach", "street", "desert")


@dataclass(frozen=True)
class Kind:
    """One class of things."""

    plural: str
    sibling: str
    """the class it can be confused with"""
    colours: tuple[str, ...]
    places: tuple[str, ...]
    verb: str
    """what it does in a caption: sitting, parked, …"""
    size: float
    """height of a single one, in pixels of a 128-pixel picture"""
    stands: str = "ground"
    """ground, water (on a lake it floats) or sky"""


def _siblings(first: Kind, second: Kind) -> dict[str, Kind]:
    return {second.sibling: first, first.sibling: second}


_FUR = ("orange", "grey", "white", "brown")
_PAINT = ("red", "blue", "yellow", "green", "white")
_AFLOAT = ("white", "yellow", "brown", "blue")
_FRUIT = ("red", "green", "yellow")
_LEAVES = ("green", "orange", "pink", "yellow")
_CLOTH = ("red", "yellow", "blue", "green", "purple")
_SILK = ("red", "orange", "yellow", "blue", "purple", "pink")
_CLAY = ("red", "blue", "white", "green", "purple", "yellow")
_SHORES = ("lake", "beach", "snow")
_FRUIT_PLACES = ("room", "meadow", "beach", "snow")
_GROVES = ("meadow", "desert", "snow", "beach", "lake")
_AIR = ("meadow", "beach", "snow", "street", "desert", "lake")
_TABLES = ("room", "meadow", "beach")

KINDS: dict[str, Kind] = {
    **_siblings(Kind("cats", "fox", _FUR, LAND, "sitting", 58), Kind("foxes", "cat", _FUR, LAND, "sitting", 58)),
    **_siblings(Kind("cars", "bus", _PAINT, LAND, "parked", 46), Kind("buses", "car", _PAINT, LAND, "parked", 54)),
    **_siblings(
        Kind("boats", "duck", _AFLOAT, _SHORES, "resting", 62, "water"),
        Kind("ducks", "boat", _AFLOAT, _SHORES, "resting", 50, "water"),
    ),
    **_siblings(
        Kind("apples", "pear", _FRUIT, _FRUIT_PLACES, "lying", 46),
        Kind("pears", "apple", _FRUIT, _FRUIT_PLACES, "lying", 52),
    ),
    **_siblings(
        Kind("trees", "cactus", _LEAVES, _GROVES, "growing", 76),
        Kind("cacti", "tree", _LEAVES, _GROVES, "growing", 70),
    ),
    **_siblings(
        Kind("houses", "tent", _CLOTH, _GROVES, "standing", 64),
        Kind("tents", "house", _CLOTH, _GROVES, "standing", 54),
    ),
    **_siblings(
        Kind("balloons", "kite", _SILK, _AIR, "drifting", 62, "sky"),
        Kind("kites", "balloon", _SILK, _AIR, "drifting", 60, "sky"),
    ),
    **_siblings(
        Kind("cups", "vase", _CLAY, _TABLES, "standing", 44),
        Kind("vases", "cup", _CLAY, _TABLES, "standing", 64),
    ),
}
"""class name → kind, siblings side by side"""

CLASSES = tuple(KINDS)


@dataclass(frozen=True)
class Scene:
    """All that a caption can say about a picture."""

    kind: str
    colour: str
    count: int
    """1 to 4"""
    place: str
    time: str
    weather: str


def possible(scene: Scene) -> bool:
    """Whether the scene makes sense: a place for the kind, and no snowfall on a beach or in a desert."""
    kind = KINDS[scene.kind]
    snowfall = scene.weather == "snow" and scene.place in ("beach", "desert")
    return scene.place in kind.places and scene.colour in kind.colours and not snowfall


def draw_scene(rng: random.Random, **fixed: object) -> Scene:
    """A scene by lot.

    Args:
        rng: source of chance.
        fixed: fields of `Scene` that are given.
    """
    while True:
        name = fixed.get("kind") or rng.choice(CLASSES)
        kind = KINDS[name]
        fields = {
            "kind": name,
            "colour": rng.choice(kind.colours),
            "count": rng.choices((1, 2, 3, 4), COUNT_WEIGHTS)[0],
            "place": rng.choice(kind.places),
            "time": rng.choice(TIMES),
            "weather": rng.choices(WEATHERS, WEATHER_WEIGHTS)[0],
        }
        scene = Scene(**{**fields, **fixed})
        if possible(scene):
            return scene
