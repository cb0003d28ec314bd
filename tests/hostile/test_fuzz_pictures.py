"""Broken pictures of every format become upright RGB pictures or one rejected image each, in bounded time and memory."""

# ruff: noqa: E501  (long tables of examples)

import io
import os
import resource
import time
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from expectations import good_picture, quarters
from hypothesis import given, settings
from mutation import broken_copies
from nasty_pictures import SIZE, animated, noise, palette, png, saved, sideways, sixteen_bit_colour
from PIL import Image, features

from engine.pairs import RejectedImage, check_picture, picture_bytes
from engine.pairs.fingerprint import THUMBNAIL_PIXELS, fingerprint, perceptual_hash
from engine.pairs.images import DAMAGED, OUTSIDE, UNKNOWN_FORMAT, UPWARDS, decode

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
FUZZED_PIXELS = 1_000_000
QUARTERS = quarters(SIZE)
SOUND = {
    "JPEG": [saved(QUARTERS, "JPEG"), sideways(6), saved(Image.new("CMYK", SIZE), "JPEG"), saved(QUARTERS, "JPEG", progressive=True)],
    "PNG": [saved(QUARTERS, "PNG"), palette("PNG"), animated("PNG"), sixteen_bit_colour(), png(*SIZE, 8, 0, bytes(820), (b"tEXt", b"a\0b"))],
    "GIF": [palette("GIF"), animated("GIF")],
    "WebP": [saved(QUARTERS, "WEBP"), saved(QUARTERS, "WEBP", lossless=True), animated("WEBP")],
    "BMP": [saved(QUARTERS, "BMP"), saved(QUARTERS.convert("P"), "BMP")],
    "TIFF": [saved(QUARTERS, "TIFF", compression=name) for name in (None, "tiff_lzw", "jpeg", "tiff_adobe_deflate")] + [saved(Image.new("I;16", SIZE, 9), "TIFF")],
    "PPM": [saved(QUARTERS, "PPM"), saved(Image.new("1", SIZE), "PPM"), b"P3 4 2 255\n" + b"1 2 3 " * 8],
    "MPO": [saved(QUARTERS, "MPO", save_all=True, append_images=[QUARTERS])],
}  # fmt: skip
if features.check("jpg_2000"):
    SOUND["JPEG 2000"] = [saved(QUARTERS, "JPEG2000")]
if features.check("avif"):
    SOUND["AVIF"] = [saved(QUARTERS, "AVIF")]


@pytest.mark.parametrize("kind", SOUND)
def test_broken_pictures_are_seen_or_rejected(kind, cases) -> None:
    outcomes, slowest = Counter(), 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, data in enumerate(broken_copies(SOUND[kind], 1000, seed=7)):
        cases[f"broken {kind} pictures"] += 1
        started = time.perf_counter()
        try:
            image, (width, height) = decode(data, FUZZED_PIXELS, 2 * THUMBNAIL_PIXELS if number % 2 else None)
        except RejectedImage as error:
            outcomes[error.reason] += 1
            continue
        finally:
            slowest = max(slowest, time.perf_counter() - started)
        outcomes["seen"] += 1
        assert image.mode == "RGB" and 0 < width * height <= FUZZED_PIXELS
        image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        assert len(perceptual_hash(image)) == 256
    assert outcomes["seen"] > 20 and outcomes[DAMAGED] > 20
    assert slowest < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19  # half a gibibyte, in KiB


def test_any_bytes_after_a_format_s_first_bytes(cases) -> None:
    beginnings = sorted({data[:size] for kinds in SOUND.values() for data in kinds for size in (2, 4, 12, 30)})

    @settings(max_examples=500)
    @given(beginning=st.sampled_from(beginnings), rest=st.binary(max_size=200))
    def check(beginning, rest) -> None:
        cases["any bytes after a format's first bytes"] += 1
        try:
            image, _ = decode(beginning + rest, FUZZED_PIXELS)
            assert image.mode == "RGB"
        except RejectedImage as error:
            assert error.reason in (DAMAGED, UNKNOWN_FORMAT) or "million pixels" in error.reason

    check()


def test_broken_files_with_their_thumbnails(quick_folder: Path, cases) -> None:
    """The whole way of a picture file: size, hashes, and a thumbnail that opens."""
    path, seen = quick_folder / "picture", 0
    for data in broken_copies([noise("JPEG"), noise("PNG"), noise("WEBP")], 600, seed=8):
        path.write_bytes(data)
        cases["broken files with their thumbnails"] += 1
        try:
            found, webp = fingerprint(str(quick_folder), path.name, {}, with_thumbnail=True)
        except RejectedImage:
            continue
        seen += 1
        with Image.open(io.BytesIO(webp)) as thumbnail:
            thumbnail.load()
        assert found.width * found.height and max(thumbnail.size) <= THUMBNAIL_PIXELS
    assert seen > 20


PARTS = ["in", "in", "a.png", "a.png", "a.png", "loop", "out", "..", ".", "", "secret.png", "link.png", "~", "C:", " ", "..\\", "...",
         "\\", "%2e%2e", "..;", "．．", "nul", "\u202e", "\0", "\udc80", "a" * 300]  # fmt: skip
BEGINNINGS = ["", "", "", "", "", "", "/", "file://", "\\\\?\\", " ", "./"]


@pytest.fixture
def fenced(tmp_path: Path) -> Path:
    """A folder with pictures, and a secret beside it that links lead to."""
    data = tmp_path / "data"
    (data / "in").mkdir(parents=True)
    for place in (data / "a.png", data / "in" / "a.png", tmp_path / "secret.png", tmp_path / "a.png"):
        good_picture(place)
    (data / "out").symlink_to("..")
    (data / "loop").symlink_to(".")
    (data / "link.png").symlink_to("../secret.png")
    (data / "in" / "link.png").symlink_to("../a.png")
    return data


def led_to(data: Path, image: str) -> str:
    """Where a path leads, by an oracle that knows nothing of our rules."""
    try:
        found = check_picture(data, image)
    except RejectedImage as error:
        return error.reason
    assert found == os.path.realpath(data / image)
    assert found.startswith(os.path.realpath(data) + os.sep)
    assert picture_bytes(data, image) == Path(found).read_bytes()
    return "in"


def test_no_path_of_telling_parts_leads_out_of_the_folder(fenced: Path, cases) -> None:
    rng, led = np.random.default_rng(9), Counter()
    for _ in range(4000):
        parts = rng.choice(PARTS, int(rng.integers(1, 6)))
        image = str(rng.choice(BEGINNINGS)) + str(rng.choice(["/", "/", "\\", "//"])).join(map(str, parts))
        cases["paths of images"] += 1
        led[led_to(fenced, image)] += 1
    assert led["in"] > 50 and led[OUTSIDE] > 50 and led[UPWARDS] > 200 and len(led) > 6


def test_no_path_of_any_characters_leads_out_of_the_folder(fenced: Path, cases) -> None:
    @settings(max_examples=500)
    @given(image=st.text(max_size=20))
    def check(image) -> None:
        cases["paths of images"] += 1
        led_to(fenced, image)

    check()


def test_enough_was_tried(number_of_cases: int) -> None:
    assert number_of_cases >= 14_000
