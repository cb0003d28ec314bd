"""A thumbnail's name says where in a pack it lies; whatever else a name says, nothing comes back."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from engine.pairs.packs import NAME, pack_path, thumbnail_bytes, thumbnail_name


def webp(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "WEBP")
    return file.getvalue()


RED, BLUE = webp("red"), webp("blue")
FIRST, SECOND = thumbnail_name(3, 0, RED), thumbnail_name(3, len(RED), BLUE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "run" / "thumbnails"
    found.mkdir(parents=True)
    pack_path(found, 3).write_bytes(RED + BLUE)
    return found


def test_pictures_are_found_by_their_names_alone(folder: Path) -> None:
    assert NAME.fullmatch(FIRST) and FIRST.startswith("00003-000000000-0000")
    assert thumbnail_bytes(folder, FIRST) == RED != BLUE == thumbnail_bytes(folder, SECOND)
    assert NAME.fullmatch(thumbnail_name(1_234_567, 987_654_321, RED))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "00003.pack",
        "../thumbnails/" + FIRST,
        FIRST + "\n",
        FIRST.replace("00003", "00004"),
        FIRST.replace("00003", "٠٠٠٠٣"),
        thumbnail_name(3, 1, RED),
        thumbnail_name(3, 0, BLUE),
        thumbnail_name(3, 0, RED + BLUE),
        thumbnail_name(3, 0, RED[:-1]),
        thumbnail_name(3, 999_999_999, RED),
        thumbnail_name(3, 0, b""),
    ],
)
def test_other_names_are_no_pictures(folder: Path, name: str) -> None:
    assert thumbnail_bytes(folder, name) is None


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:60] + b"x" + data[61:]]
)
def test_of_a_damaged_pack_nothing_wrong_is_shown(folder: Path, damage) -> None:
    path = pack_path(folder, 3)
    data = damage(path.read_bytes())
    path.write_bytes(data)
    assert None in (found := {thumbnail_bytes(folder, FIRST), thumbnail_bytes(folder, SECOND)})
    assert found <= {None, RED, BLUE}


def test_what_is_no_webp_is_no_thumbnail_whatever_its_name(folder: Path) -> None:
    for data in (b"<svg onload=alert(1)>", b"RIFF", b"RIFF\x04\0\0\0AVI ", RED + b"more"):
        pack_path(folder, 5).write_bytes(data)
        assert thumbnail_bytes(folder, thumbnail_name(5, 0, data)) is None


def test_no_link_and_no_pipe_is_opened(folder: Path, tmp_path: Path) -> None:
    pack_path(folder, 4).symlink_to(pack_path(folder, 3))
    os.mkfifo(pack_path(folder, 6))
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "thumbnails").symlink_to(folder)
    assert thumbnail_bytes(folder, thumbnail_name(4, 0, RED)) is None
    assert thumbnail_bytes(folder, thumbnail_name(6, 0, RED)) is None
    assert thumbnail_bytes(tmp_path / "moved" / "thumbnails", FIRST) is None
    assert thumbnail_bytes(tmp_path / "nowhere", FIRST) is None
