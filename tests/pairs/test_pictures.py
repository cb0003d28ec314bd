"""Where the bytes of a picture come from: folders and tars give the same pictures, and nothing beside them."""

import io
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.pairs import (
    ReadOptions,
    RejectedImage,
    check_picture,
    images,
    open_picture,
    picture_bytes,
    read_pair_table,
    reading_order,
)
from engine.pairs.places import tar
from engine.pairs.places.tar_members import CUT_OFF, DAMAGED_TAR, MAX_EXTRA_BYTES, tar_members

LONG = "a" * 150 + "/" + "b" * 120 + ".png"


def pack(path: Path, members: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=format) as file:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            file.addfile(header, io.BytesIO(data))
    return path


def reason_of(place: Path, image: str) -> str:
    with pytest.raises(RejectedImage) as caught:
        picture_bytes(place, image)
    with pytest.raises(RejectedImage):
        check_picture(place, image) and open_picture(place, image)
    return caught.value.reason


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_gives_the_bytes_that_tarfile_gives(tmp_path, picture, format):
    data = (tmp_path / picture("a.png")).read_bytes()
    names = ["a.png", "./b.png", "deep/er/c.d.png", "ü猫.png", "x" * 90 + "/" + "y" * 90]
    names += [] if format == tarfile.USTAR_FORMAT else [LONG, "猫" * 100 + ".png"]
    path = pack(tmp_path / "0.tar", {name: data + name.encode() for name in names}, format)
    assert [one.name for one in tar_members(path)] == names
    for name in names:
        assert picture_bytes(path, name) == data + name.encode()
    assert len({check_picture(path, name) for name in names}) == len(names)
    assert open_picture(path, "a.png").size == (40, 30)


def test_what_is_no_plain_file_in_a_tar_is_no_picture(tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w") as file:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            header = tarfile.TarInfo(f"{kind.decode()}.png")
            header.type, header.linkname = kind, "/etc/passwd"
            file.addfile(header)
        header = tarfile.TarInfo("last.png")
        header.size = 3
        file.addfile(header, io.BytesIO(b"abc"))
    assert [one.name for one in tar_members(tmp_path / "0.tar")] == ["last.png"]
    assert reason_of(tmp_path / "0.tar", f"{tarfile.SYMTYPE.decode()}.png") == images.MISSING
    assert picture_bytes(tmp_path / "0.tar", "last.png") == b"abc"


def test_names_in_a_tar_follow_the_rules_of_all_names(tmp_path):
    path = pack(tmp_path / "0.tar", {"../up.png": b"a", "/etc/passwd": b"a", "empty.png": b"", "twice.png": b"first"})
    with tarfile.open(path, "a") as file:
        header = tarfile.TarInfo("twice.png")
        header.size = 6
        file.addfile(header, io.BytesIO(b"second"))
    assert reason_of(path, "../up.png") == images.UPWARDS
    assert reason_of(path, "/etc/passwd") == images.ABSOLUTE
    assert reason_of(path, "empty.png") == images.EMPTY_FILE
    assert reason_of(path, "none.png") == images.MISSING
    assert picture_bytes(path, "twice.png") == b"first"


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_that_is_cut_off_or_damaged_anywhere_gives_what_lies_before(tmp_path, format):
    names = [f"{number}.png" for number in range(3)] + [LONG]
    whole = pack(tmp_path / "whole.tar", {name: bytes([65 + at]) * 700 for at, name in enumerate(names)}, format)
    members, data = list(tar_members(whole)), whole.read_bytes()
    end = members[-1].offset + 1024
    problems = set()
    for cut in range(1, end, 100):
        (tmp_path / "cut.tar").write_bytes(data[:cut])
        found = list(tar_members(tmp_path / "cut.tar"))
        assert found[-1].problem in (CUT_OFF, DAMAGED_TAR)
        usable = [one for one in members if one.offset + one.size <= cut]
        assert [one for one in found if not one.problem] == usable
        problems.update(one.problem for one in found if one.problem)
        (tmp_path / "bad.tar").write_bytes(data[:cut] + b"\xff" * 600 + data[cut + 600 :])
        found = list(tar_members(tmp_path / "bad.tar"))
        assert found[: len(usable)] == usable
        problems.update(one.problem for one in found if one.problem)
    assert problems == {CUT_OFF, DAMAGED_TAR}


def test_no_header_makes_us_read_what_it_claims(tmp_path):
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, MAX_EXTRA_BYTES + 1
    (tmp_path / "0.tar").write_bytes(header.tobuf() + b"a" * 2 * MAX_EXTRA_BYTES)
    assert [one.problem for one in tar_members(tmp_path / "0.tar")] == [DAMAGED_TAR]
    header = tarfile.TarInfo("huge.png")
    header.size = images.MAX_FILE_BYTES + 1
    with (tmp_path / "1.tar").open("wb") as file:
        file.write(header.tobuf())
        file.truncate(header.size + 10_000)
    assert reason_of(tmp_path / "1.tar", "huge.png") == images.BIG_FILE
    header.size = 8 << 40
    (tmp_path / "2.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"abc")
    assert [one.problem for one in tar_members(tmp_path / "2.tar")] == [CUT_OFF]


def test_many_threads_read_one_tar_at_once(tmp_path):
    wanted = {f"{number}.png": str(number).encode() * (number + 1) for number in range(300)}
    path = pack(tmp_path / "0.tar", wanted)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda name: picture_bytes(path, name), wanted))
    assert found == list(wanted.values())


def test_a_tar_that_was_written_again_is_read_anew(tmp_path):
    pack(tmp_path / "0.tar", {"a.png": b"old"})
    assert picture_bytes(tmp_path / "0.tar", "a.png") == b"old"
    pack(tmp_path / "0.tar", {"first.png": b"1" * 2000, "a.png": b"new picture"})
    assert picture_bytes(tmp_path / "0.tar", "a.png") == b"new picture"


def test_what_is_neither_folder_nor_container_has_no_pictures(tmp_path):
    (tmp_path / "file.txt").write_text("a")
    for place in (tmp_path / "none", tmp_path / "file.txt", tmp_path / ("x" * 5000), Path("a\0b")):
        assert reason_of(place, "a.png") == images.NO_PLACE


def test_the_pictures_of_a_table_may_lie_in_another_folder_or_in_a_tar(tmp_path, picture, table):
    names = [picture(f"photos/{number}.png", number) for number in range(3)]
    rows = [{"image": Path(name).name, "caption": f"picture {name}"} for name in names]
    path = table(rows)
    assert read_pair_table(path).rejects["reason"].tolist() == [images.MISSING] * 3
    elsewhere = read_pair_table(path, ReadOptions(images=str(tmp_path / "photos"))).pairs
    members = {Path(name).name: (tmp_path / name).read_bytes() for name in names}
    packed = read_pair_table(path, ReadOptions(images=str(pack(tmp_path / "0.tar", members)))).pairs
    assert elsewhere["images"].tolist() == [str(tmp_path / "photos")] * 3
    assert packed["images"].tolist() == [str(tmp_path / "0.tar")] * 3
    assert len(packed) == 3 and packed.drop(columns="images").equals(elsewhere.drop(columns="images"))
    assert packed["source"].tolist() == [str(path)] * 3


def test_a_template_of_captions_has_one_place_for_the_class():
    for template in ("a photo", "{} and {}", ""):
        with pytest.raises(ConfigError, match="exactly one"):
            ReadOptions(template=template)


def test_of_many_tars_read_in_any_order_each_is_walked_once(tmp_path, monkeypatch):
    walked, order = [], random.Random(0)
    monkeypatch.setattr(tar, "tar_members", lambda path: walked.append(path) or tar_members(path))
    names = [f"{at}.png" for at in range(3)]
    shards = [pack(tmp_path / f"{at:05d}.tar", {name: f"{at} {name}".encode() for name in names}) for at in range(1200)]
    wanted = [(shard, name) for shard in shards for name in names]
    for shard, name in order.sample(wanted, len(wanted)):
        assert picture_bytes(shard, name) == f"{int(shard.stem)} {name}".encode()
    assert sorted(walked) == shards


def test_a_large_index_of_a_tar_lies_in_a_temporary_file_and_says_the_same(tmp_path, monkeypatch):
    members = {f"{at}.png": f"picture {at}".encode() for at in range(400)}
    mapped = tar._index_of(pack(tmp_path / "0.tar", members))
    assert isinstance(mapped.hashes, np.memmap) and isinstance(mapped.sizes, np.memmap)
    monkeypatch.setattr(tar, "SMALL_INDEX_BYTES", 2**20)
    (tmp_path / "same").mkdir()
    kept = tar._index_of(pack(tmp_path / "same" / "0.tar", members))
    assert not isinstance(kept.hashes, np.memmap)
    assert [kept.find(name) for name in (*members, "none")] == [mapped.find(name) for name in (*members, "none")]
    assert kept.find("none") is None and len({kept.find(name) for name in members}) == 400


def test_pictures_of_one_place_are_read_in_the_order_in_which_they_lie():
    pictures = [
        ("b.parquet", "image/10"),
        ("a", "x.png"),
        ("b.parquet", "image/9"),
        ("a", "c.png"),
        ("b.parquet", "jpg/1"),
    ]
    assert sorted(pictures, key=lambda one: reading_order(*one)) == [pictures[at] for at in (3, 1, 2, 0, 4)]
