"""English captions of scenes, by several small grammars; and the prompts that match their style."""

from __future__ import annotations

import random

from vocabulary import KINDS, Scene

TEMPLATES = ("one {}", "a small {}", "a little {}", "a picture of one {}", "a picture of a pretty {}")
"""zero-shot prompts; none needs to choose between a and an"""

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}

_ON_GROUND = {
    "meadow": ("in a meadow", "in the green meadow", "on the grass", "in a flowery field"),
    "beach": ("on the beach", "on a sandy beach", "on the sand", "by the sea"),
    "street": ("on a street", "in the street", "in town", "in front of town houses"),
    "snow": ("in the snow", "on a snowy hill", "in a snowy field", "on the snow"),
    "desert": ("in the desert", "among the dunes", "on the desert sand", "in a dry desert"),
    "lake": ("by the lake", "at the lake", "on the shore of a lake", "beside the lake"),
    "room": ("on a table", "on the wooden table", "on a table by the window", "in a cosy room"),
}
_ON_WATER = ("on the lake", "on a lake", "on the water", "out on the still lake")
_IN_AIR = {
    "meadow": ("over a meadow", "above the green meadow", "over the grass", "above a flowery field"),
    "beach": ("over the beach", "above a sandy beach", "above the sand", "over the sea"),
    "street": ("over the street", "above a street", "over the town", "above the town houses"),
    "snow": ("over the snow", "above a snowy hill", "over a snowy field", "above the snow"),
    "desert": ("over the desert", "above the dunes", "over the desert sand", "above a dry desert"),
    "lake": ("over the lake", "above a lake", "above the water", "high over the still lake"),
}
_TIME = {
    "morning": ("in the morning", "early in the morning", "at dawn"),
    "noon": ("at noon", "at midday", "in the middle of the day"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "by night", "late at night"),
}
_TIME_NOUN = {"morning": "morning", "noon": "midday", "sunset": "evening", "night": "night"}
_WEATHER = {
    "clear": ("under a clear sky", "on a clear day", "in clear weather"),
    "rain": ("in the rain", "in heavy rain", "on a rainy day"),
    "snow": ("while snow is falling", "in falling snow", "as snowflakes fall"),
    "fog": ("in the fog", "in thick fog", "on a foggy day"),
}
_WEATHER_WORD = {"clear": "clear", "rain": "rainy", "snow": "snowy", "fog": "foggy"}
_SIZES = ("small", "little", "lovely", "pretty")


def plural_or_not(kind: str, count: int) -> str:
    """The noun for so many things."""
    return kind if count == 1 else KINDS[kind].plural


def things(scene: Scene, rng: random.Random, name_colour: bool = True) -> str:
    """The noun phrase: "a red car", "two little green pears"."""
    words = []
    if rng.random() < 0.22:
        words.append(rng.choice(_SIZES))
    if name_colour:
        words.append(scene.colour)
    words.append(plural_or_not(scene.kind, scene.count))
    counted = rng.random() < 0.25  # drawn for any count, so that another count changes no other word
    if scene.count > 1 or counted:
        return " ".join([NUMBERS[scene.count], *words])
    return " ".join(["an" if words[0][0] in "aeiou" else "a", *words])


def _place(scene: Scene, rng: random.Random) -> str:
    stands = KINDS[scene.kind].stands
    if stands == "sky":
        return rng.choice(_IN_AIR[scene.place])
    if stands == "water" and scene.place == "lake":
        return rng.choice(_ON_WATER)
    return rng.choice(_ON_GROUND[scene.place])


def caption(scene: Scene, rng: random.Random, full: bool = False) -> str:
    """A caption of a scene.

    Args:
        scene: what it says.
        rng: chooses the grammar and the words.
        full: whether nothing is left out: colour, count, place, time and weather are all named.
    """
    what = things(scene, rng, full or rng.random() < 0.93)
    where, when = _place(scene, rng), rng.choice(_TIME[scene.time])
    weather = rng.choice([phrase for phrase in _WEATHER[scene.weather] if "day" not in phrase or scene.time != "night"])
    grammar = rng.random()
    if full:
        return _in_full(scene, rng, (what, where, when, weather))
    has_time, has_weather = rng.random() < 0.6, rng.random() < (0.25 if scene.weather == "clear" else 0.55)
    tail = " ".join([when] * has_time + [weather] * has_weather)
    if grammar < 0.36:
        text = f"{what} {where} {tail}"
    elif grammar < 0.48:
        verb = KINDS[scene.kind].verb
        text = f"{what} {verb} {where} {tail}"
    elif grammar < 0.6:
        text = f"{when}, {what} {where}" + (f" {weather}" if has_weather else "")
    elif grammar < 0.72:
        text = f"a {_WEATHER_WORD[scene.weather]} {_TIME_NOUN[scene.time]} {where} with {what}"
    elif grammar < 0.82:
        text = f"{'there is' if scene.count == 1 else 'there are'} {what} {where} {tail}"
    elif grammar < 0.92:
        text = f"a picture of {what} {where} {tail}"
    else:
        text = f"{what}, {weather}, {where}" if has_weather else f"{what}, {where}"
    return _finished(text, rng)


def short_caption(scene: Scene, rng: random.Random) -> str:
    """A caption that names the things and little else: the style of the prompts."""
    what = things(scene, rng, rng.random() < 0.5)
    where, when = _place(scene, rng), rng.choice(_TIME[scene.time])
    form = rng.choice(("{}", "{}", "a picture of {}", "{} " + where, "{} " + when))
    return _finished(form.format(what), rng)


def _in_full(scene: Scene, rng: random.Random, parts: tuple[str, str, str, str]) -> str:
    what, where, when, weather = parts
    if rng.random() < 0.5:
        text = f"a {_WEATHER_WORD[scene.weather]} {_TIME_NOUN[scene.time]} {where} with {what}"
    else:
        text = f"{what} {where} {when} {weather}"
    return _finished(text, rng)


def _finished(text: str, rng: random.Random) -> str:
    text = " ".join(text.split())
    return text[0].upper() + text[1:] + "." if rng.random() < 0.25 else text


def every_word() -> list[str]:
    """All words that captions and prompts can hold, sorted."""
    phrases = [*TEMPLATES, *_ON_WATER, *_SIZES, *NUMBERS.values(), *_TIME_NOUN.values(), *_WEATHER_WORD.values()]
    for table in (_ON_GROUND, _IN_AIR, _TIME, _WEATHER):
        phrases += [phrase for choices in table.values() for phrase in choices]
    for name, kind in KINDS.items():
        phrases += [name, kind.plural, kind.verb, *kind.colours]
    phrases += ["a an the with there is are here picture of photo drawing image and at night . , :"]
    return sorted({word for phrase in phrases for word in phrase.replace("{}", "").lower().split()})
