"""What one decode of an image gives: size, content hash, perceptual hash, thumbnail.

The perceptual hash is 256 hex digits: 256 bits of difference hash (is a cell of the 17 × 16 grey picture brighter than
its left neighbour?), then the colours of the 8 × 8 picture in 4 bits per channel, which confirm what the bits propose.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from engine.pairs.images import RejectedImage, decode
from engine.pairs.pictures import picture_bytes
from engine.runs import storage_errors

THUMBNAIL_PIXELS = 320
THUMBNAIL_QUALITY = 80
HASH_SIDE, COLOUR_SIDE, COLOUR_LEVELS = 16, 8, 16
TIE = 2
"""grey levels by which a neighbour must be brighter: flat areas give the same bits after recompression"""
IMAGES_AT_ONCE = 256


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

    @property
    def thumbnail(self) -> str:
        """File name of the thumbnail; empty without a picture."""
        return f"{self.content_hash[:32]}.webp" if self.width else ""


def of_features(features_hash: str) -> Fingerprint:
    """What stands in for an image that only its features represent."""
    return Fingerprint(0, 0, features_hash, "")


def fingerprint(place: str, image: str, thumbnails: Path | None = None) -> Fingerprint:
    """See one image once.

    Args:
        place: folder or container.
        image: the picture's name in it.
        thumbnails: existing folder that gets its thumbnail, unless it holds it already; None writes none.

    Raises:
        RejectedImage: if the image cannot be used.
        StorageError: if the thumbnail cannot be written.
    """
    data = picture_bytes(place, image)
    image, (width, height) = decode(data, enough_pixels=2 * THUMBNAIL_PIXELS)
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.BICUBIC)
    found = Fingerprint(width, height, hashlib.sha256(data).hexdigest(), perceptual_hash(image))
    if thumbnails is not None:
        _write_thumbnail(image, thumbnails / found.thumbnail)
    return found


def fingerprints(
    pictures: Iterable[tuple[str, str]],
    total: int,
    thumbnails: Path | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Fingerprint | str]:
    """See many images on all cores, in order; an image that cannot be used gives its reason.

    Args:
        pictures: place and name of each.
        total: how many there are, for `progress`.
        thumbnails: folder for thumbnails (made if needed), or None.
        progress: called with (done, total).

    Raises:
        StorageError: if a thumbnail cannot be written.
    """
    if thumbnails is not None:
        _prepare(thumbnails)

    def see(picture: tuple[str, str]) -> Fingerprint | str:
        try:
            return fingerprint(*picture, thumbnails)
        except RejectedImage as error:
            return error.reason

    remaining, done = iter(pictures), 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        while some := list(islice(remaining, IMAGES_AT_ONCE)):
            for found in pool.map(see, some):
                done += 1
                if progress is not None:
                    progress(done, total)
                yield found


def perceptual_hash(image: Image.Image) -> str:
    """256 hex digits that stay nearly the same when an RGB image is resized, recompressed or made brighter."""
    grey = image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1] + TIE)
    colours = np.asarray(image.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX)).ravel() // COLOUR_LEVELS
    return bits.tobytes().hex() + (colours[::2] * COLOUR_LEVELS + colours[1::2]).astype(np.uint8).tobytes().hex()


def _prepare(folder: Path) -> None:
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("*.part"):
            left_over.unlink(missing_ok=True)


def _write_thumbnail(image: Image.Image, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size:
            return
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")  # two threads may see copies of one image
    with storage_errors(path):
        try:
            image.save(part, "WEBP", quality=THUMBNAIL_QUALITY, method=2)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
