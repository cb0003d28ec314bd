"""Every reason to reject a row, and that no row is ever lost."""

import os
import random
import sys

import pytest
from PIL import Image

from engine.pairs import RejectedImage, check_picture, images, read_pair_table, rows
from engine.pairs.ids import REPEATED_ID
from engine.pairs.pair_set import PAIR_COLUMNS, REJECT_COLUMNS
from engine.review.decisions import MAX_ID_CHARACTERS


@pytest.fixture
def folder(tmp_path, picture):
    """A data folder with a sound image, a broken one of every kind, and a secret beside it."""
    (tmp_path / "data").mkdir()
    picture("data/good.png")
    picture("data/again.png", 1)
    picture("secret.png", 2)
    data = tmp_path / "data"
    whole = (data / "good.png").read_bytes()
    (data / "zero.png").touch()
    (data / "cut.png").write_bytes(whole[: len(whole) // 2])
    (data / "text.png").write_text("no image at all")
    (data / "vector.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    (data / "folder.png").mkdir()
    (data / "out.png").symlink_to("../secret.png")
    (data / "in.png").symlink_to("good.png")
    (data / "up").symlink_to("..")
    (data / "loop.png").symlink_to("loop.png")
    Image.new("1", (9000, 9000)).save(data / "bomb.png")
    os.mkfifo(data / "pipe.png")
    return data


REJECTED = [
    ("", "a", images.NO_PATH),
    ("  ", "a", images.NO_PATH),
    ("good.png", "", rows.NO_CAPTION),
    ("good.png", " \n\t", rows.NO_CAPTION),
    ("none.png", "a", images.MISSING),
    ("x" * 5000, "a", images.MISSING),
    ("loop.png", "a", images.MISSING),
    ("/etc/passwd", "a", images.ABSOLUTE),
    ("C:\\secret.png", "a", images.ABSOLUTE),
    ("\\\\host\\share\\a.png", "a", images.ABSOLUTE),
    ("../secret.png", "a", images.UPWARDS),
    ("..\\secret.png", "a", images.UPWARDS),
    ("folder.png/../good.png", "a", images.UPWARDS),
    ("out.png", "a", images.OUTSIDE),
    ("up/secret.png", "a", images.OUTSIDE),
    ("https://example.invalid/a.png", "a", images.URL),
    ("s3://bucket/a.png", "a", images.URL),
    ("file:///etc/passwd", "a", images.URL),
    ("data:image/png;base64,AAAA", "a", images.URL),
    ("zero.png", "a", images.EMPTY_FILE),
    ("cut.png", "a", images.DAMAGED),
    ("text.png", "a", images.UNKNOWN_FORMAT),
    ("vector.eps", "a", images.UNKNOWN_FORMAT),
    ("folder.png", "a", images.NOT_A_FILE),
    ("pipe.png", "a", images.NOT_A_FILE),
    ("bomb.png", "a", "The image has more than 64 million pixels."),
]


def test_every_fault_is_rejected_with_its_own_reason_and_the_good_rows_stay(folder, table):
    good = [{"image": name, "caption": "fine"} for name in ("good.png", "in.png", "./again.png")]
    bad = [{"image": image, "caption": caption} for image, caption, _ in REJECTED]
    found = read_pair_table(table([good[0], *bad, *good[1:]], "data/pairs.jsonl"))
    assert found.rejects["reason"].tolist() == [reason for _, _, reason in REJECTED]
    assert found.rejects["row"].tolist() == list(range(2, 2 + len(REJECTED)))
    assert found.rejects["image"].tolist()[:4] == ["", "  ", "good.png", "good.png"]
    assert found.pairs["image"].tolist() == ["good.png", "in.png", "./again.png"]
    assert tuple(found.pairs) == PAIR_COLUMNS
    assert tuple(found.rejects) == REJECT_COLUMNS


def test_every_reason_is_one_plain_sentence():
    for _, _, reason in REJECTED:
        assert reason[0].isupper()
        assert reason.endswith(".")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_an_image_without_permission_is_rejected(folder, table):
    (folder / "good.png").chmod(0)
    found = read_pair_table(table([{"image": "good.png", "caption": "a"}], "data/pairs.csv"))
    assert found.rejects["reason"].tolist() == [images.NO_ACCESS]


def test_a_truncated_jpeg_is_rejected_even_where_a_smaller_picture_would_do(tmp_path, table):
    image = Image.effect_noise((2000, 1500), 60).convert("RGB")
    image.save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    found = read_pair_table(table([{"image": name, "caption": "a"} for name in ("whole.jpg", "cut.jpg")]))
    assert found.pairs[["image", "width", "height"]].to_numpy().tolist() == [["whole.jpg", 2000, 1500]]
    assert found.rejects["reason"].tolist() == [images.DAMAGED]


def test_a_picture_is_found_only_where_it_is_proven_to_lie(folder):
    assert check_picture(folder, "in.png") == str((folder / "good.png").resolve())
    for image in ("../secret.png", "out.png", str(folder / "good.png"), "a\0b.png", "\udce9.png"):
        with pytest.raises(RejectedImage):
            check_picture(folder, image)


def test_the_second_row_with_a_pair_id_is_rejected_but_not_if_the_first_was(picture, table):
    a, b = picture("a.png", 0), picture("b.png", 1)
    given = [("x", a, "one"), ("x", b, "two"), ("y", a, ""), ("y", b, "four"), (" x ", a, "five")]
    found = read_pair_table(table([dict(zip(("pair_id", "image", "caption"), row, strict=True)) for row in given]))
    assert found.pairs[["pair_id", "caption"]].to_numpy().tolist() == [["x", "one"], ["y", "four"]]
    assert found.rejects["row"].tolist() == [2, 3, 5]
    assert found.rejects["reason"].tolist() == [REPEATED_ID, rows.NO_CAPTION, REPEATED_ID]


def test_an_id_that_no_store_of_decisions_keeps_is_rejected(picture, table):
    image, longest = picture("a.png"), "x" * rows.MAX_ID_CHARACTERS
    given = [{"pair_id": one, "image": image, "caption": f"a cat {len(one)}"} for one in (longest, longest + "x")]
    found = read_pair_table(table(given))
    assert found.pairs["pair_id"].tolist() == [longest]
    assert found.rejects["reason"].tolist() == [rows.LONG_ID]
    assert len(f"validation-{longest}") <= MAX_ID_CHARACTERS  # as the second of two tables gets it


def test_split_values_are_known_or_rejected(picture, table):
    image = picture("a.png")
    splits = ["train", "Training", "VAL", "valid", "validation", "dev", "test", "restval", "", "testing"]
    found = read_pair_table(table([{"image": image, "caption": str(i), "split": s} for i, s in enumerate(splits)]))
    assert found.pairs["split"].tolist() == ["train"] * 2 + ["validation"] * 4 + ["test"] * 2
    assert found.rejects["row"].tolist() == [8, 9]
    assert set(found.rejects["reason"]) == {rows.BAD_SPLIT}


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv", "pairs.jsonl", "pairs.parquet"])
@pytest.mark.parametrize("seed", range(4))
def test_accepted_and_rejected_are_all_the_rows_whatever_they_hold(name, seed, folder, table):
    rng = random.Random(seed)
    names = [image for image, _, _ in REJECTED if len(image) < 1000] + ["good.png", "again.png"] * 15
    texts = ["", "a", "b", '"', "',\t\r\n", "=cmd", "\x00", "\u2028", "🦊", "a" * 3000]
    written = [
        {
            "image": rng.choice(names),
            "caption": rng.choice(texts),
            "pair_id": rng.choice(["", "", "", *map(str, range(40))]),
            "split": rng.choice(["train", "test", "?"]),
        }
        for _ in range(120)
    ]
    found = read_pair_table(table(written, f"data/{name}"))
    accounted = found.pairs["row"].tolist() + found.rejects["row"].tolist()
    assert sorted(accounted) == list(range(1, 121))
    assert found.pairs["pair_id"].is_unique
    assert len(found.pairs) > 5
    assert len(found.rejects) > 5
    for number, image, caption in found.pairs[["row", "image", "caption"]].itertuples(index=False):
        assert written[number - 1]["image"] == image
        assert written[number - 1]["caption"] == caption


def test_random_bytes_never_stop_a_table(picture, tmp_path):
    picture("a.png")
    rng = random.Random(7)
    for suffix, header in ((".csv", b"image,caption\n"), (".tsv", b"image\tcaption\n"), (".jsonl", b"")):
        good = b'{"image": "a.png", "caption": "good"}\n' if not header else header.replace(b"image", b"a.png")
        noise = bytes(rng.choice(b'ab,"\n\r\t\0\xff\xc3{}:.') for _ in range(5000))
        path = tmp_path / f"noise{suffix}"
        path.write_bytes(header + good + noise + b"\n" + good)
        found = read_pair_table(path)
        total = len(found.pairs) + len(found.rejects)
        assert sorted([*found.pairs["row"], *found.rejects["row"]]) == list(range(1, total + 1))
        assert total > 100
        assert found.pairs["row"].tolist()[0] == 1
        assert all(text.encode() is not None for text in found.rejects["caption"])
