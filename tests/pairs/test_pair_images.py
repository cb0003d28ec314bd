"""Images of every kind become upright RGB pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import StorageError
from engine.pairs import RejectedImage, open_picture, read_pair_table
from engine.pairs.images import EMPTY_FILE
from engine.pairs.packs import thumbnail_bytes


def pixel(path: Path, at: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    image = open_picture(path.parent, path.name)
    assert image.mode == "RGB"
    return image.getpixel(at)


def test_transparent_pixels_are_white_and_half_transparent_ones_lighter(tmp_path):
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 128)).save(tmp_path / "half.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "grey.png")
    assert pixel(tmp_path / "clear.png") == (255, 255, 255)
    assert pixel(tmp_path / "grey.png") == (255, 255, 255)
    assert all(abs(value - 127) <= 1 for value in pixel(tmp_path / "half.png"))


@pytest.mark.parametrize("name", ["p.png", "p.gif"])
def test_a_palette_with_a_transparent_colour_lies_over_white(name, tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([250, 0, 0, 0, 0, 250])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / name, transparency=0)
    assert pixel(tmp_path / name) == (255, 255, 255)
    assert pixel(tmp_path / name, (1, 0)) == (0, 0, 250)


def test_cmyk_keeps_its_colours(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red, green, blue = pixel(tmp_path / "red.jpg")
    assert red > 240
    assert green < 20
    assert blue < 20


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(name, tmp_path):
    values = np.array([[0, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    assert [pixel(tmp_path / name, (x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_grey_in_floats_is_scaled(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32)).save(tmp_path / "f.tiff")
    assert [pixel(tmp_path / "f.tiff", (x, 0))[0] for x in range(4)] == [0, 128, 255, 0]


def test_black_and_white_and_an_animation_s_first_frame_are_read(tmp_path):
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((0, 200, 0), (200, 0, 0))]
    for name in ("a.gif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        assert pixel(tmp_path / name) == (0, 200, 0)
    assert pixel(tmp_path / "bits.png") == (255, 255, 255)


def test_a_photo_taken_sideways_stands_upright_with_its_size(tmp_path, table):
    image = Image.new("RGB", (1600, 800), "black")
    image.paste((255, 0, 0), (0, 0, 800, 800))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: what was left is now on top
    image.save(tmp_path / "side.jpg", exif=exif)
    upright = open_picture(tmp_path, "side.jpg")
    assert upright.size == (800, 1600)
    assert upright.getpixel((400, 100))[0] > 200
    assert upright.getpixel((400, 1500))[0] < 50
    found = read_pair_table(table([{"image": "side.jpg", "caption": "a"}]), thumbnails=tmp_path / "thumbnails")
    pair = found.pairs.iloc[0]
    assert (pair["width"], pair["height"]) == (800, 1600)
    thumbnail = thumbnail_bytes(tmp_path / "thumbnails", pair["thumbnail"])
    assert Image.open(io.BytesIO(thumbnail)).size == (160, 320)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    Image.new("RGB", (8, 8), "white").save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert open_picture(tmp_path, "a.jpg").size == (8, 8)


def test_the_limit_of_pixels_holds_before_decoding(tmp_path):
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    assert open_picture(tmp_path, "a.png", max_pixels=10_000).size == (100, 100)
    with pytest.raises(RejectedImage) as error:
        open_picture(tmp_path, "a.png", max_pixels=9_999)
    assert "pixels" in error.value.reason


def test_a_rejected_image_says_its_reason_to_a_person_too(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(RejectedImage) as error:
        open_picture(tmp_path, "a.png")
    assert error.value.reason == EMPTY_FILE
    assert EMPTY_FILE in str(error.value)


def test_a_thumbnail_that_cannot_be_written_is_an_error_and_no_reject(tmp_path, picture, table):
    (tmp_path / "file").touch()
    path = table([{"image": picture("a.png"), "caption": "a"}])
    with pytest.raises(StorageError):
        read_pair_table(path, thumbnails=tmp_path / "file" / "thumbnails")


def test_progress_counts_image_files_and_reaches_its_total(picture, table):
    images = [picture(f"{i}.png", i) for i in range(5)]
    calls = []
    read_pair_table(
        table([{"image": image, "caption": c} for image in images for c in "ab"]),
        progress=lambda *at: calls.append(at),
    )
    assert calls == [(done, 5) for done in range(1, 6)]
