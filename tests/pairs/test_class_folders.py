"""Pictures sorted into one folder per class."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formats import copied
from test_same_pairs import SHARED, rows_of

from engine.errors import PairsError
from engine.pairs import ReadOptions, check_pairs, read_pair_table
from engine.pairs.readers import reader_for
from engine.pairs.readers.class_folders import LINK, NO_CLASS


def found(folder: Path, template: str = "a photo of a {}.") -> pd.DataFrame:
    return read_pair_table(folder, ReadOptions(template=template)).pairs


def test_a_picture_is_a_pair_of_its_folder_and_the_template(picture, tmp_path):
    for name in ("d/red_bus/2.png", "d/red_bus/deep/1.jpg", "d/cat/9.webp"):
        picture(name, len(name))
    pairs = found(tmp_path / "d")
    assert pairs["image"].tolist() == ["cat/9.webp", "red_bus/2.png", "red_bus/deep/1.jpg"]
    assert pairs["caption"].tolist() == ["a photo of a cat.", "a photo of a red bus.", "a photo of a red bus."]
    assert pairs["label"].tolist() == ["cat", "red bus", "red bus"]
    assert set(pairs["source"]) == set(pairs["images"]) == {str(tmp_path / "d")}
    assert found(tmp_path / "d", "{}, small")["caption"][0] == "cat, small"


def test_folders_above_the_classes_are_splits_if_all_are_called_so(picture, tmp_path):
    for name in ("d/train/cat/1.png", "d/train/dog/2.png", "d/val/cat/3.png"):
        picture(name, len(name) + ord(name[-5]))
    pairs = found(tmp_path / "d")
    assert pairs["split"].tolist() == ["train", "train", "validation"]
    assert pairs["label"].tolist() == ["cat", "dog", "cat"]


def test_a_class_may_be_called_like_a_split(picture, tmp_path):
    for at, name in enumerate(("d/train/1.png", "d/bus/2.png")):
        picture(name, at)
    assert found(tmp_path / "d")["label"].tolist() == ["bus", "train"]


def test_what_is_no_picture_is_no_row_and_what_looks_like_one_is_rejected(picture, tmp_path):
    picture("d/cat/1.png")
    picture("d/stray.png", 2)
    picture("d/fox/1.png", 3)
    for name in ("d/cat/1.txt", "d/cat/.hidden.png", "d/.cache/x.png", "d/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    (tmp_path / "d/cat/broken.jpg").write_text("no picture")
    (tmp_path / "d/dog").symlink_to(tmp_path)
    seen = read_pair_table(tmp_path / "d")
    assert seen.pairs["image"].tolist() == ["cat/1.png", "fox/1.png"]
    reasons = dict(zip(seen.rejects["image"] + seen.rejects["caption"], seen.rejects["reason"], strict=True))
    assert reasons.pop("cat/broken.jpga photo of a cat.").startswith("The file is not an image")
    assert reasons == {"stray.png": NO_CLASS, "dog": LINK}


@pytest.mark.parametrize(
    "names",
    [["1.png"], ["train/1.png"], ["notes/1.txt", "more/2.txt"], ["images/1.png"], ["images/1.png", "captions.txt"],
     ["cat/1.png", "dog/2.png", "pairs.csv"], ["train/cat/1.png", "train/dog/1.png", "train/x.parquet"],
     ["train2017/1.png", "val2017/2.png", "annotations/c.json"], ["cat/1.png", "dog/x.txt", ".hidden/2.png"],
     ["cat/1.png", "dog/1.png", "notes/x.txt"]],
)  # fmt: skip
def test_a_folder_that_may_be_something_else_is_refused_with_what_it_could_be(names, picture, tmp_path):
    for name in names:
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).touch()
    with pytest.raises(PairsError, match="a folder with a folder of pictures for each of two or more classes"):
        reader_for(tmp_path / "d")


def test_names_that_are_no_utf_8_reject_their_pictures_only(picture, tmp_path):
    picture("d/cat/1.png")
    picture("d/dog/1.png", 1)
    other = Path(f"{tmp_path}/d/".encode().decode() + "caf\udce9")
    other.mkdir()
    (other / "1.png").write_bytes((tmp_path / "d/cat/1.png").read_bytes())
    assert check_pairs(tmp_path / "d").reasons == {"The image path is not valid UTF-8 text; save it as UTF-8.": 1}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large data sets are not on this machine")
def test_real_classes_give_the_pairs_that_the_table_has(tmp_path):
    source = SHARED / "clothing"
    rows = rows_of(source / "pairs.csv", 40)
    copied(tmp_path / "p", rows["image"], source)
    for split, label, image in zip(rows["split"], rows["label"], rows["image"], strict=True):
        place = tmp_path / "d" / split / label.replace(" ", "_")
        place.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / image).rename(place / Path(image).name)
    copied(tmp_path / "p", rows["image"], source)
    rows.to_csv(tmp_path / "p" / "pairs.csv", index=False)
    of_folders, of_table = found(tmp_path / "d", "a photo of a {}"), read_pair_table(tmp_path / "p/pairs.csv").pairs
    names = ["content_hash", "caption", "label", "split", "pair_id"]
    one, other = (table[names].sort_values("pair_id").to_numpy() for table in (of_folders, of_table))
    assert len(one) == 40 and np.array_equal(one, other)
