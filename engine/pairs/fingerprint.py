"""What one decode of an image gives: size, content hash, perceptual hash, thumbnail.

The perceptual hash is 256 hex digits: 256 bits of difference hash (is a cell of the 17 × 16 grey picture brighter than
its left neighbour?), then the colours of the 8 × 8 picture in 4 bits per channel, which confirm what the bits propose.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine.pairs.images import decode
from engine.pairs.pictures import picture_bytes

THUMBNAIL_PIXELS = 320
THUMBNAIL_QUALITY = 80
HASH_SIDE, COLOUR_SIDE, COLOUR_LEVELS = 16, 8, 16
TIE = 2
"""grey levels by which a neighbour must be brighter: flat areas give the same bits after recompression"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One picture, seen, or the features that stand in for it: those have no size, no picture, no near copies."""

    width: int
    """pixels, upright"""
    height: int
    """pixels, upright"""
    content_hash: str
    """sha256 of the picture's bytes as they are stored"""
    perceptual_hash: str
    """see the module's text"""
    thumbnail: str = ""
    """where its thumbnail lies, see `engine.pairs.packs`; empty where none was made"""


def of_features(features_hash: str) -> Fingerprint:
    """What stands in for an image that only its features represent."""
    return Fingerprint(0, 0, features_hash, "")


def fingerprint(
    place: str, image: str, known: Mapping[str, Fingerprint], with_thumbnail: bool
) -> tuple[Fingerprint, bytes]:
    """See one image.

    Args:
        place: folder or container.
        image: the picture's name in it.
        known: what was seen already, by content hash: a copy is not decoded again.
        with_thumbnail: whether its thumbnail is wanted.

    Returns:
        What was seen, and the thumbnail as WebP; no bytes for a copy, and where none is wanted.

    Raises:
        RejectedImage: if the image cannot be used.
    """
    data = picture_bytes(place, image)
    content_hash = hashlib.sha256(data).hexdigest()
    if content_hash in known:
        return known[content_hash], b""
    picture, (width, height) = decode(data, enough_pixels=2 * THUMBNAIL_PIXELS)
    picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.BICUBIC)
    found = Fingerprint(width, height, content_hash, perceptual_hash(picture))
    return found, _as_webp(picture) if with_thumbnail else b""


def perceptual_hash(image: Image.Image) -> str:
    """256 hex digits that stay nearly the same when an RGB image is resized, recompressed or made brighter."""
    grey = image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1] + TIE)
    colours = np.asarray(image.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX)).ravel() // COLOUR_LEVELS
    return bits.tobytes().hex() + (colours[::2] * COLOUR_LEVELS + colours[1::2]).astype(np.uint8).tobytes().hex()


def _as_webp(picture: Image.Image) -> bytes:
    with io.BytesIO() as file:
        picture.save(file, "WEBP", quality=THUMBNAIL_QUALITY, method=2)
        return file.getvalue()
