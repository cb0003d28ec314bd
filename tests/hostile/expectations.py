"""What must become of one nasty thing: each row is used as it should be, or rejected with exactly one reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (230, 20, 20), (20, 200, 20), (20, 20, 230), (255, 255, 255)


@dataclass(frozen=True)
class Used:
    """The row becomes a pair."""

    size: tuple[int, int] | None = None
    """upright width and height in pixels; None: not looked at"""
    pixels: Mapping[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    """(x, y) → red, green, blue, each within 12 of what is seen"""


@dataclass(frozen=True)
class Refused:
    """The data set as a whole is refused, in a sentence that holds these words."""

    words: str


@dataclass(frozen=True)
class Nasty:
    """One entry of the corpus."""

    name: str
    write: Callable[[Path], Path | str]
    """writes it into an empty folder and returns what is given to `--pairs`"""
    rows: tuple[Used | str, ...] | Refused
    """for each row in order: how it is used, or the reason it is rejected for"""
    needs_stranger: bool = False
    """only a user without rights meets this"""


def good_picture(path: Path, size: tuple[int, int] = (40, 20)) -> None:
    """A sound picture: red, green, blue and white quarters."""
    quarters(size).save(path, "PNG")


def quarters(size: tuple[int, int]) -> Image.Image:
    """Red, green (right), blue (below) and white quarters: no turn or mirroring leaves them in place."""
    image, (x, y) = Image.new("RGB", size, RED), (size[0] // 2, size[1] // 2)
    for colour, box in ((GREEN, (x, 0, *(size[0], y))), (BLUE, (0, y, x, size[1])), (WHITE, (x, y, *size))):
        image.paste(colour, box)
    return image


def seen_quarters(size: tuple[int, int] = (40, 20)) -> Used:
    """What `quarters` look like."""
    left, right, top, below = size[0] // 8, size[0] * 7 // 8, size[1] // 8, size[1] * 7 // 8
    return Used(size, {(left, top): RED, (right, top): GREEN, (left, below): BLUE, (right, below): WHITE})


def json_table(folder: Path, rows: list[dict[str, Any]], name: str = "pairs.jsonl") -> Path:
    """Rows as JSON lines; lone surrogates are written as escapes."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
