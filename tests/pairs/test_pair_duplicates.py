"""Exact and near duplicates are found; different pictures and plain ones are not."""

import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from engine.pairs import duplicate_groups, read_pair_table
from engine.pairs.fingerprint import perceptual_hash


def scene(seed: int) -> Image.Image:
    """A drawn scene: sky, ground, and some things."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (128, 128), tuple(rng.integers(120, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    horizon = int(rng.integers(50, 90))
    draw.rectangle((0, horizon, 128, 128), fill=tuple(rng.integers(30, 200, 3).tolist()))
    for _ in range(3):
        x, y, r = (int(rng.integers(10, 118)), int(rng.integers(30, 118)), int(rng.integers(8, 24)))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return image


def groups_of(pictures: list[Image.Image]) -> list[int]:
    frame = pd.DataFrame(
        {"content_hash": [str(i) for i in range(len(pictures))], "perceptual_hash": map(perceptual_hash, pictures)}
    )
    return duplicate_groups(frame).tolist()


def shifted(image: Image.Image) -> Image.Image:
    return image.crop((2, 1, 128, 128)).resize((128, 128), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((320, 320), Image.Resampling.LANCZOS),
        lambda image: image.resize((70, 70), Image.Resampling.LANCZOS),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: image.quantize(64).convert("RGB"),
    ],
    ids=["larger", "smaller", "darker", "fewer colours"],
)
def test_changed_copies_are_found(change):
    pictures = [scene(seed) for seed in range(25)]
    copies = [change(picture) for picture in pictures]
    assert groups_of(pictures + copies) == list(range(25)) * 2


def test_recompressed_copies_are_found(tmp_path, table):
    rows = []
    for seed in range(10):
        scene(seed).save(tmp_path / f"{seed}.png")
        scene(seed).save(tmp_path / f"{seed}.jpg", quality=60)
        rows += [{"image": f"{seed}.{suffix}", "caption": "a"} for suffix in ("png", "jpg")]
    found = read_pair_table(table(rows)).pairs
    assert found["content_hash"].is_unique
    assert duplicate_groups(found).tolist() == [seed for seed in range(10) for _ in range(2)]


def test_different_scenes_are_not_grouped():
    assert groups_of([scene(seed) for seed in range(300)]) == [-1] * 300


def test_the_same_scene_with_a_thing_of_another_colour_is_another_picture():
    pictures = []
    for colour in ("red", "green", "blue", "yellow"):
        image = scene(0)
        ImageDraw.Draw(image).ellipse((40, 40, 90, 90), fill=colour)
        pictures.append(image)
    assert groups_of(pictures) == [-1] * 4


def test_plain_pictures_are_duplicates_only_when_their_files_are_equal():
    plain = [Image.new("RGB", (64, 64), (v, v, v)) for v in (100, 101, 102)]
    hashes = [perceptual_hash(image) for image in plain]
    frame = pd.DataFrame({"content_hash": ["a", "b", "a"], "perceptual_hash": [hashes[0], hashes[1], hashes[0]]})
    assert hashes[0] == hashes[1]
    assert duplicate_groups(frame).tolist() == [0, -1, 0]


def test_copies_of_copies_are_one_group():
    image = scene(1)
    assert groups_of([image, scene(2), shifted(image), image.resize((64, 64)), scene(3)]) == [0, -1, 0, 0, -1]


def test_hashes_that_were_not_written_here_count_only_by_content():
    frame = pd.DataFrame({"content_hash": ["a", "b", "a", "c"], "perceptual_hash": ["00", "00", None, "zz"]})
    assert duplicate_groups(frame).tolist() == [0, -1, 0, -1]
    assert duplicate_groups(frame.iloc[:0]).tolist() == []


def test_groups_do_not_depend_on_the_index_of_the_table():
    pictures = [perceptual_hash(scene(seed)) for seed in (1, 2, 1)]
    frame = pd.DataFrame({"content_hash": list("abc"), "perceptual_hash": pictures}, index=[9, 9, 4])
    assert duplicate_groups(frame).tolist() == [0, -1, 0]


@pytest.mark.alone
def test_time_grows_about_in_proportion_to_the_number_of_images():
    rng = np.random.default_rng(0)

    def seconds(number: int) -> float:
        hashes = [one.tobytes().hex() for one in rng.integers(0, 256, (number, 128), dtype=np.uint8)]
        frame = pd.DataFrame({"content_hash": range(number), "perceptual_hash": hashes})
        started = time.perf_counter()
        duplicate_groups(frame)
        return time.perf_counter() - started

    seconds(1000)
    small, large = min(seconds(2_000) for _ in range(3)), seconds(32_000)
    assert large < 16 * small * 5  # all against all would take 256 times as long
