"""One picture: what it may be called, and how its bytes become an upright RGB image."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image, ImageOps

from engine.errors import PairsError

MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 512 * 2**20
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
"""what is decoded; formats that start other programs (EPS) stay out"""
PICTURE_SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jfif",
        ".mpo",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".jp2",
        ".avif",
    )
)
"""in lower case; by these a file in a folder, or a member of a container, is known to be a picture"""

MISSING = "The image file does not exist."
NO_PATH = "The image path is empty."
URL = "The image is a web address; addresses are never fetched, download the images first."
ABSOLUTE = "The image path is absolute; write it relative to the folder of the images."
UPWARDS = "The image path goes upwards with '..'; images must lie in the table's folder or in --images FOLDER."
OUTSIDE = "The image path leaves the folder of the images through a link; put the images into the folder."
NO_PLACE = "The folder or container of the image does not exist."
BAD_NAME = "The image path contains a character that no file name can have."
NOT_A_FILE = "The image path is not a file."
NO_ACCESS = "The image file cannot be opened; check its permissions and the disk."
EMPTY_FILE = "The image file is empty."
CUT_OFF_FILE = "The file that holds the image is cut off."
BIG_FILE = f"The image file is larger than {MAX_FILE_BYTES // 2**20} MiB."
UNKNOWN_FORMAT = "The file is not an image that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF)."
DAMAGED = "The image is damaged or cut off and cannot be decoded."

# What matters becomes a reason: our own limit of pixels is stricter, and damage beside the picture costs nothing.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class RejectedImage(PairsError):
    """An image cannot be used.

    Args:
        reason: one plain sentence, the same for every image with this fault.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("a usable image", f"one that is not ({reason})", "Mend or replace it, then run again.")


def check_name(image: str) -> None:
    """Refuse a picture's name that no place may look up: it is empty, a web address, absolute, or goes upwards.

    Raises:
        RejectedImage: if so.
    """
    if not image.strip():
        raise RejectedImage(NO_PATH)
    if "\0" in image or any("\ud800" <= c <= "\udfff" for c in image):
        raise RejectedImage(BAD_NAME)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|(?i:data):", image.strip()):
        raise RejectedImage(URL)
    written = PureWindowsPath(image)  # splits at both kinds of slash and knows drives
    if written.drive or written.root:
        raise RejectedImage(ABSOLUTE)
    if ".." in written.parts:
        raise RejectedImage(UPWARDS)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of an image file.

    Raises:
        RejectedImage: if it cannot be opened, is empty or unreasonably large.
    """
    try:
        if Path(path).stat().st_size > MAX_FILE_BYTES:
            raise RejectedImage(BIG_FILE)
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise RejectedImage(MISSING) from error
    except OSError as error:
        raise RejectedImage(NO_ACCESS) from error
    if not data:
        raise RejectedImage(EMPTY_FILE)
    return data


def decode(
    data: bytes, max_pixels: int = MAX_PIXELS, enough_pixels: int | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """The picture in `data`, upright, RGB, and its upright width and height in pixels.

    Args:
        data: the bytes of an image file.
        max_pixels: refuse larger pictures before decoding them.
        enough_pixels: if given, the picture may be smaller than it is stored, but neither side below this.

    Raises:
        RejectedImage: if it is unreadable, cut off or too large.
    """
    too_large = f"The image has more than {max_pixels / 1e6:.3g} million pixels."
    try:
        image = Image.open(io.BytesIO(data), formats=_formats())
    except Image.DecompressionBombError as error:
        raise RejectedImage(too_large) from error
    except Exception as error:  # decoders raise anything at all on strange bytes
        raise RejectedImage(DAMAGED if _begins_as_an_image(data) else UNKNOWN_FORMAT) from error
    if image.width * image.height > max_pixels:
        raise RejectedImage(too_large)
    try:
        size = image.size
        if enough_pixels is not None:
            image.draft(None, (enough_pixels, enough_pixels))
        image.load()
        upright = _upright(image)
        if upright.size == image.size[::-1] != image.size:
            size = size[::-1]
        return _to_rgb(upright), size
    except Exception as error:
        raise RejectedImage(DAMAGED) from error


def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _begins_as_an_image(data: bytes) -> bool:
    """Whether a format knows the first bytes as its own: then the file is broken, not another kind of file."""
    tests = (Image.OPEN[name][1] for name in _formats())
    with contextlib.suppress(Exception):  # a test may want more bytes than there are
        return any(test is not None and test(data[:16]) is True for test in tests)
    return False


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF beside a sound picture
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey_to_rgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits; Pillow's own conversion clips it to white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif low >= 0:
        low, high = 0.0, next((top for top in (1.0, 255.0, 65535.0) if high <= top), high)
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8)).convert("RGB")
