"""COCO, Hugging Face and WebDataset: what their own readers find in the exports."""

import builtins
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from exported import CAPTIONS, FINAL, NEW_CAPTIONS, Setting
from PIL import Image

from engine.review import Decision
from engine.review.exports import EXPORTS
from engine.review.exports.webdataset import key_of


def test_pycocotools_finds_every_caption_beside_its_image(setting: Setting, capsys: pytest.CaptureFixture) -> None:
    coco = pytest.importorskip("pycocotools.coco").COCO(str(setting.export("coco", "captions.json")))
    found = coco.loadAnns(coco.getAnnIds())
    assert {one["pair_id"]: one["caption"] for one in found} == FINAL
    names = dict(zip(setting.table["pair_id"], setting.table["image"], strict=True))
    for one in found:
        (image,) = coco.loadImgs(one["image_id"])
        assert image["file_name"] == names[one["pair_id"]]
        with Image.open(setting.folder / "data" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        assert type(one["id"]) is type(image["id"]) is int
    assert len({one["id"] for one in found}) == len(found)


def test_captions_of_one_image_share_its_entry_in_coco(setting: Setting) -> None:
    pairs = pd.read_parquet(setting.run.path / "pairs.parquet")
    pairs["image"] = "images/a b.png"
    pairs.to_parquet(setting.run.path / "pairs.parquet")
    said = json.loads(setting.export("coco", "captions.json").read_text("utf-8"))
    assert [one["file_name"] for one in said["images"]] == ["images/a b.png"]
    assert len(said["annotations"]) == len(FINAL) and {one["image_id"] for one in said["annotations"]} == {1}
    assert sorted(one.name for one in setting.folder.iterdir() if "captions" in one.name) == [
        "captions.json",
        "captions.json.provenance.json",
    ]


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    found = pytest.importorskip("datasets")
    found.disable_progress_bars()
    return found


def test_hugging_face_loads_images_and_captions_from_the_folder(setting: Setting, datasets, tmp_path: Path) -> None:
    setting.export("hf", "data/metadata.jsonl")
    table = datasets.load_dataset(
        "imagefolder", data_dir=str(setting.folder / "data"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert {row["pair_id"]: row["text"] for row in table} == FINAL
    for row in table:
        at = int(row["pair_id"].removeprefix("p"))
        assert row["image"].size == (8 + at, 6) and row["image"].getpixel((0, 0)) == (at, 2 * at, 3 * at)


def test_hugging_face_loads_the_lines_as_json(setting: Setting, datasets, tmp_path: Path) -> None:
    path = setting.export("hf", "metadata.jsonl")
    table = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert dict(zip(table["pair_id"], table["text"], strict=True)) == FINAL
    assert set(table["split"]) == {"train", "validation", "test"}


def test_webdataset_leaves_out_the_dropped_pairs_and_no_other(setting: Setting, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    keys = set(setting.export("webdataset-exclusions", "keys.txt").read_text("utf-8").splitlines())
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for row in setting.table.to_dict("records"):
            picture = (setting.folder / "data" / row["image"]).read_bytes()
            name, _, ending = Path(row["image"]).name.partition(".")
            for file, content in ((f"{name}.{ending}", picture), (f"{name}.pair", row["pair_id"].encode())):
                info = tarfile.TarInfo(file)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    shard = webdataset.WebDataset(f"file:{tmp_path / 'shard.tar'}", shardshuffle=False)
    left = shard.select(lambda sample: sample["__key__"] not in keys)
    assert {sample["pair"].decode() for sample in left} == {f"p{at:02d}" for at in range(len(CAPTIONS))} - {
        "p01",
        "p05",
    }


def test_a_key_that_a_staying_pair_has_too_is_left_out_and_said(setting: Setting) -> None:
    pairs = pd.read_parquet(setting.run.path / "pairs.parquet")
    pairs.loc[pairs["pair_id"].isin(["p01", "p09"]), "image"] = ["one/same.png", "two/same.png"]
    pairs.loc[pairs["pair_id"].isin(["p05", "p10"]), "image"] = "images/both.png"
    pairs.to_parquet(setting.run.path / "pairs.parquet")
    setting.store.append([Decision("p10", "drop", "ana", "t", "k")])
    path = setting.export("webdataset-exclusions", "keys.txt")
    assert path.read_text().splitlines() == ["both"]
    assert "1." in json.loads(path.with_name("keys.txt.provenance.json").read_text())["notes"][0]


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("a/b.c/0001.cls.png", "0001"),
        ("0001.png", "0001"),
        ("no-ending", "no-ending"),
        (".x.png", ".x"),
        ("a\\b.png", "b"),
    ],
)
def test_a_key_is_the_file_name_up_to_its_first_dot(image: str, key: str) -> None:
    assert key_of(image, "/data") == key


def test_a_key_in_a_tar_is_the_one_that_the_library_gives(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    keys = ["00017", "deep/er/00018", "a.b/00019"]
    with webdataset.TarWriter(str(tmp_path / "0.tar")) as writer:
        for key in keys:
            writer.write({"__key__": key, "left.png": b"a"})
    found = [one["__key__"] for one in webdataset.WebDataset(str(tmp_path / "0.tar"), shardshuffle=False)]
    assert [key_of(f"{key}.left.png", str(tmp_path / "0.tar")) for key in keys] == found == keys


def test_no_format_opens_what_an_image_path_points_at(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pd.read_parquet(setting.run.path / "pairs.parquet")
    secret = setting.folder / "secret.png"
    secret.write_bytes(b"the secret")
    images = ["../secret.png", str(secret), "images/../../secret.png"]
    pairs.loc[:2, "image"] = images
    pairs.to_parquet(setting.run.path / "pairs.parquet")
    shutil.rmtree(setting.folder / "data" / "images")  # every picture is gone: who needs none does not notice
    opened: list[str] = []
    true_open = io.open

    def watched(file, *rest, **named):
        opened.append(os.fspath(file) if isinstance(file, str | os.PathLike) else "")
        return true_open(file, *rest, **named)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    for name in set(EXPORTS) - {"cleaned"}:
        path = setting.export(name, f"o-{name}")
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        assert not any(b"the secret" in one.read_bytes() for one in files)
    assert opened and not [one for one in opened if one.endswith("secret.png")]


def test_new_captions_are_in_and_dropped_pairs_are_out() -> None:
    assert set(FINAL) == {f"p{at:02d}" for at in range(len(CAPTIONS))} - {"p01", "p05"}
    assert FINAL["p00"] == NEW_CAPTIONS["p00"] != CAPTIONS[0] and FINAL["p03"] == CAPTIONS[3]
