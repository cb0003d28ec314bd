"""Where the bytes of a picture come from.

A *place* is a folder, or a container such as a tar: the column `images` of the pairs table. The column `image` is the
picture's name in there. Names are strangers' text; nothing outside the place is read, whatever they say.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from engine.pairs.images import MAX_PIXELS, NO_PLACE, RejectedImage, check_name, decode
from engine.pairs.places import PLACES, Place
from engine.pairs.places.cells import cell_of, is_cell


def check_picture(place: str | Path, image: str) -> str:
    """Whether a picture is there, without opening it.

    Args:
        place: a folder or a container.
        image: the picture's name in it.

    Returns:
        Which picture it is: rows with the same answer show the same one.

    Raises:
        RejectedImage: if the name is none, leaves the place, or nothing that may be read is there.
    """
    check_name(image)
    return _kind(Path(place)).find(Path(place), image)


def picture_bytes(place: str | Path, image: str) -> bytes:
    """The picture as it is stored.

    Raises:
        RejectedImage: as `check_picture`, or if it cannot be read, is empty or unreasonably large.
    """
    check_name(image)
    return _kind(Path(place)).read(Path(place), image)


def reading_order(place: str | Path, image: str) -> tuple[str, str, int]:
    """What pictures are sorted by so that those of one container are read one after the other, as they lie there."""
    column, row = cell_of(image) if is_cell(image) else (image, 0)
    return str(place), column, row


def open_picture(place: str | Path, image: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture fully decoded: upright, RGB, transparency over white, first frame.

    Args:
        place: a folder or a container.
        image: the picture's name in it.
        max_pixels: refuse larger pictures before decoding them.

    Raises:
        RejectedImage: as `picture_bytes`, or if it is no picture, cut off or too large.
    """
    return decode(picture_bytes(place, image), max_pixels)[0]


def _kind(place: Path) -> Place:
    try:
        kind = next((one for one in PLACES if one.takes(place)), None)
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise RejectedImage(NO_PLACE) from error
    if kind is None:
        raise RejectedImage(NO_PLACE)
    return kind
