"""Shards of webdataset, written by the library and by hand: the same pairs as a table, and a reason for all others."""

import io
import json
import tarfile
from pathlib import Path

import pytest
import webdataset

from engine.errors import PairsError
from engine.pairs import images, open_picture, read_pair_table
from engine.pairs.places.tar_members import CUT_OFF, DAMAGED_TAR, tar_members
from engine.pairs.readers import webdataset as reader
from engine.pairs.rows import NO_CAPTION, NOT_UTF_8

CAPTIONS = ["a red bus", "naïve – 猫\u2028", "=1+1", "two\nlines"]


def shard(path: Path, files: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, data in files:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            file.addfile(header, io.BytesIO(data))
    return path


@pytest.fixture
def drawn(tmp_path, picture) -> list[bytes]:
    return [(tmp_path / picture(f"{number}.png", number)).read_bytes() for number in range(len(CAPTIONS))]


def test_what_the_library_writes_gives_the_pairs_that_a_table_gives(tmp_path, drawn, table):
    with webdataset.TarWriter(str(tmp_path / "0.tar")) as writer:
        for number, caption in enumerate(CAPTIONS):
            writer.write({"__key__": f"deep/{number:05d}", "png": drawn[number], "txt": caption, "cls": number % 2})
    names = [f"{number}.png" for number in range(len(CAPTIONS))]
    rows = [
        {"image": name, "caption": caption, "label": str(number % 2)}
        for number, (name, caption) in enumerate(zip(names, CAPTIONS, strict=True))
    ]
    expected, found = read_pair_table(table(rows)).pairs, read_pair_table(tmp_path / "0.tar").pairs
    assert found["image"].tolist() == [f"deep/{number:05d}.png" for number in range(len(CAPTIONS))]
    assert found["images"].tolist() == found["source"].tolist() == [str(tmp_path / "0.tar")] * len(CAPTIONS)
    own = ["image", "images", "source"]
    assert found.drop(columns=own).equals(expected.drop(columns=own))
    keys = [sample["__key__"] for sample in webdataset.WebDataset(str(tmp_path / "0.tar"), shardshuffle=False)]
    assert [Path(name).with_suffix("").as_posix() for name in found["image"]] == keys


def test_json_gives_caption_id_label_and_split(tmp_path, drawn):
    with webdataset.TarWriter(str(tmp_path / "0.tar")) as writer:
        for number, caption in enumerate(CAPTIONS):
            said = {"text": caption, "pair_id": f"p{number}", "label": "bus", "split": "test", "url": "x"}
            writer.write({"__key__": str(number), "left.png": drawn[number], "json": said})
    found = read_pair_table(tmp_path / "0.tar")
    assert found.pairs["caption"].tolist() == CAPTIONS and found.pairs["pair_id"].tolist() == ["p0", "p1", "p2", "p3"]
    assert set(found.pairs["label"]) == {"bus"} and set(found.pairs["split"]) == {"test"}
    assert open_picture(*found.pairs[["images", "image"]].iloc[3]).size == (40, 30)


def test_every_key_without_a_pair_is_one_row_with_its_reason(tmp_path, drawn):
    good, text = drawn[0], b"a caption"
    keys = {
        "good": ([("png", good), ("txt", text)], None),
        "no_text": ([("png", good)], reader.NO_TEXT),
        "no_picture": ([("txt", text)], reader.NO_PICTURE),
        "two": ([("png", good), ("jpg", good), ("txt", text)], reader.SEVERAL_PICTURES),
        "twice": ([("png", good), ("txt", text), ("png", good)], reader.SAME_NAME),
        "empty_text": ([("png", good), ("txt", b"\n")], NO_CAPTION),
        "latin": ([("png", good), ("txt", "é".encode("latin-1"))], NOT_UTF_8.format("caption")),
        "bad_json": ([("png", good), ("json", b"{")], reader.BAD_JSON),
        "list_json": ([("png", good), ("json", b"[1]")], reader.BAD_JSON),
        "deep_json": ([("png", good), ("json", b"[" * 100_000)], reader.BAD_JSON),
        "no_bytes": ([("png", b""), ("txt", text)], images.EMPTY_FILE),
        "cut": ([("png", good[:50]), ("txt", text)], images.DAMAGED),
        "../up": ([("png", good), ("txt", text)], images.UPWARDS),
        "/root": ([("png", good), ("txt", text)], images.ABSOLUTE),
        "last": ([("png", drawn[1]), ("cap.txt", b"other"), ("caption", text)], None),
    }
    files = [(f"{key}.{kind}", data) for key, (those, _) in keys.items() for kind, data in those]
    files += [("__meta__/0.json", b"{}"), ("LICENSE", b"free"), ("good.png", drawn[2]), ("good.txt", b"another")]
    found = read_pair_table(shard(tmp_path / "0.tar", files))
    reasons = [reason for _, reason in keys.values() if reason]
    assert found.rejects["reason"].tolist() == [*reasons, reader.SAME_NAME]
    assert found.pairs["image"].tolist() == ["good.png", "last.png"]
    assert found.pairs["caption"].tolist() == ["a caption"] * 2
    assert len(found.pairs) + len(found.rejects) == len(keys) + 1


@pytest.mark.parametrize("with_text_last", [True, False])
def test_a_shard_that_is_cut_off_keeps_its_pairs_and_says_so_once(tmp_path, drawn, with_text_last):
    files = []
    for number, data in enumerate(drawn * 3):
        one = [(f"{number}.png", data + str(number).encode()), (f"{number}.txt", str(number).encode())]
        files += one if with_text_last else one[::-1]
    whole = shard(tmp_path / "whole.tar", files)
    everything = read_pair_table(whole).pairs
    data = whole.read_bytes()
    seen = set()
    for cut in range(700, len(data) - 10_240, 1111):
        (tmp_path / "0.tar").write_bytes(data[:cut])
        found = read_pair_table(tmp_path / "0.tar")
        assert found.pairs["caption"].tolist() == everything["caption"].tolist()[: len(found.pairs)]
        assert len(found.rejects) <= 1
        seen.update(found.rejects["reason"])
    assert CUT_OFF in seen
    header = list(tar_members(whole))[5].offset - 512
    (tmp_path / "0.tar").write_bytes(data[:header] + b"x" * 512 + data[header + 512 :])
    found = read_pair_table(tmp_path / "0.tar")
    assert len(found.pairs) and found.rejects["reason"].tolist()[-1:] == [DAMAGED_TAR]


def test_what_is_no_tar_is_refused_as_a_whole(tmp_path, drawn):
    path = shard(tmp_path / "0.tar", [("a.png", drawn[0]), ("a.txt", b"a")])
    (tmp_path / "noise.tar").write_bytes(json.dumps(CAPTIONS).encode() * 100)
    (tmp_path / "0.tar.gz").write_bytes(b"\x1f\x8b" + path.read_bytes())
    (tmp_path / "empty.tar").write_bytes(b"\0" * 10_240)
    for name, expected in (("noise.tar", "not compressed"), ("0.tar.gz", "not compressed"), ("empty.tar", "one row")):
        with pytest.raises(PairsError, match=expected):
            read_pair_table(tmp_path / name)
