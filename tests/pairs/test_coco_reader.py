"""COCO captions: every caption and every image is a pair or a row with a reason."""

import json
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from engine.errors import PairsError
from engine.pairs import ReadOptions, check_pairs, read_pair_table
from engine.pairs.readers.coco import NO_CAPTION, NO_IMAGE, NOT_AN_OBJECT, TWO_IMAGES


@pytest.fixture
def captions(tmp_path, picture):
    """Writes a file of captions; the pictures 1.png … 3.png lie in a folder beside its own."""

    def write(annotations: list, images: list | None = None, name: str = "annotations/captions_val2017.json") -> Path:
        for number in (1, 2, 3):
            picture(f"val2017/{number}.png", number)
        listed = [{"id": number, "file_name": f"{number}.png"} for number in (1, 2, 3)]
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"images": listed if images is None else images, "annotations": annotations}))
        return path

    return write


def reasons(path: Path) -> list[str]:
    return read_pair_table(path).rejects["reason"].tolist()


def test_the_format_of_the_original_is_read_as_its_own_library_reads_it(captions, tmp_path, capsys):
    path = captions([{"id": 8, "image_id": at, "caption": f"picture {at}"} for at in (2, 1, 3, 1)])
    library = COCO(str(path))
    expected = [(library.imgs[one["image_id"]]["file_name"], one["caption"]) for one in library.dataset["annotations"]]
    found = read_pair_table(path)
    assert list(zip(found.pairs["image"], found.pairs["caption"], strict=True)) == expected
    assert set(found.pairs["images"]) == {str(tmp_path / "val2017")}
    assert found.rejects.empty and found.columns == {"image": "file_name", "caption": "caption"}


def test_nothing_of_the_file_is_passed_over(captions):
    images = [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}, {"id": 3, "file_name": "3.png"},
              {"id": 3, "file_name": "other.png"}, {"id": 4}, "5.png"]  # fmt: skip
    annotations = [{"image_id": 1, "caption": "good"}, {"image_id": 9, "caption": "b"}, {"image_id": 3, "caption": "c"},
                   {"image_id": 4, "caption": "d"}, {"image_id": 1, "caption": ["e"]}, {"image_id": [1]}, 7,
                   {"image_id": "1", "caption": "an id as text"}, {"image_id": True, "caption": "x"}]  # fmt: skip
    path = captions(annotations, images)
    found = read_pair_table(path)
    assert found.pairs["caption"].tolist() == ["good", "an id as text"]
    assert reasons(path) == [
        NO_IMAGE, TWO_IMAGES, "The image path is empty.", "The caption is neither text nor a number.", NO_IMAGE,
        NOT_AN_OBJECT, NO_IMAGE, NO_CAPTION, NOT_AN_OBJECT,
    ]  # fmt: skip
    assert found.rejects["row"].tolist() == [2, 3, 4, 5, 6, 7, 9, 10, 11]


def test_ids_labels_and_splits_count_where_they_are_given(captions):
    annotations = [
        {"image_id": 1, "caption": "a", "pair_id": "x", "split": "val"},
        {"image_id": 2, "caption": "b", "pair_id": "y", "split": "train"},
    ]
    images = [{"id": 1, "file_name": "1.png", "label": "cat"}, {"id": 2, "file_name": "2.png"}]
    found = read_pair_table(captions(annotations, images)).pairs
    assert found["pair_id"].tolist() == ["x", "y"] and found["split"].tolist() == ["validation", "train"]
    assert found["label"].fillna("").tolist() == ["cat", ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "a list"),
        ("3", "a int"),
        ('{"images": []}', "an object with images"),
        ('{"images": [], "annotations": {}}', "an object with images, annotations"),
        ('{"images": [], "annotations": []}', "at least one row"),
        ('{"images": [], "annotations": [{"bbox": []}]}', "key points"),
    ],
)
def test_what_is_something_else_is_refused_with_what_it_is(text, words, tmp_path):
    (tmp_path / "captions.json").write_text(text)
    with pytest.raises(PairsError, match=words) as error:
        read_pair_table(tmp_path / "captions.json")
    assert "captions.json" in str(error.value) and error.value.fix


def test_pictures_are_found_beside_the_file_and_where_the_original_has_them(captions, picture, tmp_path):
    one = [{"image_id": 1, "caption": "a"}]
    for name in ("val2017/captions.json", "captions_val2017.json", "annotations/captions_val2017.json"):
        assert check_pairs(captions(one, name=name)).accepted == 1, name
    elsewhere = captions(one, name="annotations/captions_other.json")
    assert check_pairs(elsewhere).reasons["The image file does not exist."] == 1
    assert check_pairs(elsewhere, ReadOptions(images=str(tmp_path / "val2017"))).accepted == 1


def test_pictures_are_found_from_the_folder_of_the_file_too(captions, monkeypatch):
    path = captions([{"image_id": 1, "caption": "a"}], name="annotations/captions_val2017.json")
    for here, name in ((path.parent, path.name), (path.parent.parent / "val2017", f"../annotations/{path.name}")):
        monkeypatch.chdir(here)
        assert check_pairs(name).accepted == 1


@pytest.mark.parametrize("name", ["captions_.json", "_captions.json", "captions_..json", "captions_.._.json"])
def test_no_name_of_a_file_means_the_folder_above(name, captions, picture, tmp_path):
    picture("1.png", 5)
    listed = [{"id": 1, "file_name": "1.png"}]
    assert check_pairs(captions([{"image_id": 1, "caption": "a"}], listed, f"annotations/{name}")).accepted == 0


def test_a_folder_that_is_named_goes_before_the_one_that_was_found(captions, picture, tmp_path):
    picture("mine/1.png", 77)
    path = captions([{"image_id": 1, "caption": "a"}])
    hashes = {read_pair_table(path, options).pairs["content_hash"][0]
              for options in (ReadOptions(), ReadOptions(images=str(tmp_path / "mine")))}  # fmt: skip
    assert len(hashes) == 2


@pytest.mark.parametrize("name", ["1.png", "../private/1.png", "{}/private/1.png"])
def test_no_file_leads_to_pictures_elsewhere(name, captions, picture, tmp_path):
    picture("private/1.png", 5)
    listed = [{"id": 1, "file_name": name.format(tmp_path)}]
    path = captions([{"image_id": 1, "caption": "a"}], listed, "annotations/captions_link.json")
    (tmp_path / "link").symlink_to("private")
    (path.parent / "images").symlink_to(tmp_path / "private")
    assert check_pairs(path).accepted == 0
    assert check_pairs(path, ReadOptions(images=str(tmp_path / "link"))).accepted == (name == "1.png")
