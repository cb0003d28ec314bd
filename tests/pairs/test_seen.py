"""Thumbnails are made once, in packs; a killed run is continued after its last finished part, to the same bytes."""

import io
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from engine.pairs import fingerprint as seeing
from engine.pairs import read_pair_table
from engine.pairs import seen as parts
from engine.pairs.packs import thumbnail_bytes


class Killed(BaseException):
    """What nothing catches."""


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The pictures that are decoded; parts are small, and one thread begins few pictures ahead."""
    found, decode = [], seeing.decode

    def noted(data: bytes, **options):
        found.append(data)
        return decode(data, **options)

    monkeypatch.setattr(seeing, "decode", noted)
    monkeypatch.setattr(parts, "PICTURES_A_PART", 4)
    monkeypatch.setattr(parts, "MAX_THREADS", 1)
    monkeypatch.setattr(parts, "AHEAD", 1)
    return found


@pytest.fixture
def pairs(picture, table, tmp_path: Path) -> Path:
    """Eleven pictures: 10 % are copies of earlier ones, one cannot be read."""
    images = [picture(f"{at}.png", 1 if at in (2, 9) else at, (400, 200)) for at in range(10)] + ["broken.png"]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return table([{"image": image, "caption": f"caption {image}"} for image in images])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def killed_after(number: int, path: Path, folder: Path) -> None:
    """Read the table until so many pictures are seen."""

    def progress(done: int, of: int) -> None:
        if done == number:
            raise Killed

    with pytest.raises(Killed):
        read_pair_table(path, thumbnails=folder, progress=progress)


def test_thumbnails_are_small_and_copies_share_one(pairs: Path, tmp_path: Path, decoded) -> None:
    folder = tmp_path / "run" / "thumbnails"
    found = read_pair_table(pairs, thumbnails=folder).pairs
    names = found["thumbnail"].astype(str)
    assert len(names) == 10 and names.nunique() == 8 == found["content_hash"].nunique()
    assert names[1] == names[2] == names[9] and names[9].startswith("00000-")  # in a pack of earlier pictures
    assert {Image.open(io.BytesIO(thumbnail_bytes(folder, name))).size for name in names} == {(320, 160)}
    assert len(decoded) == 8 + 1
    assert list(files(folder)) == [f"{at:05d}.{kind}" for at in range(3) for kind in ("pack", "seen")]
    parts.remove_unfinished(folder)
    assert list(files(folder)) == ["00000.pack", "00001.pack", "00002.pack"]
    assert sum(len(data) for data in files(folder).values()) == sum(
        len(thumbnail_bytes(folder, name)) for name in names.unique()
    )


@pytest.mark.parametrize("kills", [[1], [4], [7], [8], [3, 6, 10], [11]])
def test_a_killed_run_ends_with_the_same_bytes_and_decodes_no_finished_part_again(
    pairs: Path, tmp_path: Path, decoded, kills: list[int]
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    expected = read_pair_table(pairs, thumbnails=whole)
    for number in kills:
        killed_after(number, pairs, folder)
    finished = len(list(folder.glob("*.seen")))
    decoded.clear()
    found = read_pair_table(pairs, thumbnails=folder)
    pd.testing.assert_frame_equal(found.pairs, expected.pairs)
    pd.testing.assert_frame_equal(found.rejects, expected.rejects)
    assert files(folder) == files(whole)
    assert finished == (max(kills) - 1) // 4
    assert len(decoded) == {0: 9, 1: 6, 2: 2}[finished]  # of eleven pictures two are copies


def test_what_is_damaged_or_half_written_is_made_again(pairs: Path, tmp_path: Path, decoded) -> None:
    folder = tmp_path / "thumbnails"
    expected = read_pair_table(pairs, thumbnails=folder).pairs
    whole = files(folder)
    (folder / "00000.seen").write_bytes(whole["00000.seen"][:50])
    (folder / "00001.pack").unlink()
    (folder / "00002.seen.part").write_bytes(b"half")
    (folder / "00003.pack").write_bytes(b"of a larger data set")
    pd.testing.assert_frame_equal(read_pair_table(pairs, thumbnails=folder).pairs, expected)
    assert {name: data for name, data in files(folder).items() if ".part" not in name} == whole
    parts.remove_unfinished(folder)
    assert sorted(files(folder)) == ["00000.pack", "00001.pack", "00002.pack"]


def test_a_picture_that_changed_meanwhile_is_seen_again_with_all_that_follow(
    pairs: Path, picture, tmp_path: Path, decoded
) -> None:
    folder = tmp_path / "thumbnails"
    before = read_pair_table(pairs, thumbnails=folder).pairs
    picture("5.png", 77, (100, 50))
    decoded.clear()
    after = read_pair_table(pairs, thumbnails=folder).pairs
    assert (after["width"] == 100).sum() == 1 and (before["width"] == 100).sum() == 0
    assert len(decoded) == 4 + 1 + 1  # the parts from the fifth picture on, but for a copy of an earlier one
    assert all(thumbnail_bytes(folder, name) for name in after["thumbnail"].astype(str))


def test_a_check_writes_nothing_and_sees_the_same(pairs: Path, tmp_path: Path, decoded) -> None:
    with_thumbnails = read_pair_table(pairs, thumbnails=tmp_path / "thumbnails").pairs
    before = sorted(tmp_path.iterdir())
    found = read_pair_table(pairs).pairs
    pd.testing.assert_frame_equal(found.drop(columns="thumbnail"), with_thumbnails.drop(columns="thumbnail"))
    assert sorted(tmp_path.iterdir()) == before and set(found["thumbnail"]) == {""}
