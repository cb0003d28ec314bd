"""Pictures inside Parquet files and inside folders that Hugging Face datasets saved: the pairs that a table gives."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import PairsError
from engine.pairs import images, open_picture, picture_bytes, read_pair_table
from engine.pairs.places import parquet as place
from engine.pairs.rows import BAD_SPLIT

NUM_PAIRS = 23
FEATURES = datasets.Features(
    {
        "image": datasets.Image(),
        "caption": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["red bus", "cat"]),
    }
)
OWN = ["image", "images", "source", "row"]


@pytest.fixture
def drawn(tmp_path, picture) -> list[bytes]:
    return [(tmp_path / picture(f"{number}.png", number)).read_bytes() for number in range(NUM_PAIRS)]


@pytest.fixture
def expected(drawn, table):
    names = [{"image": f"{number}.png", "caption": f"caption {number}"} for number in range(NUM_PAIRS)]
    labels = ["red bus" if number % 2 else "cat" for number in range(NUM_PAIRS)]
    return read_pair_table(table([{**row, "label": label} for row, label in zip(names, labels, strict=True)])).pairs


@pytest.fixture
def data_set(drawn) -> datasets.Dataset:
    columns = {
        "image": [{"bytes": data, "path": f"{number}.png"} for number, data in enumerate(drawn)],
        "caption": [f"caption {number}" for number in range(NUM_PAIRS)],
        "label": [1 - number % 2 for number in range(NUM_PAIRS)],
    }
    return datasets.Dataset.from_dict(columns, features=FEATURES)


def without_place(found):
    return found.drop(columns=OWN)


def test_a_saved_data_set_gives_the_pairs_that_a_table_gives(tmp_path, data_set, expected, drawn):
    data_set.save_to_disk(tmp_path / "saved", num_shards=3)
    found = read_pair_table(tmp_path / "saved")
    assert without_place(found.pairs).equals(without_place(expected)) and not len(found.rejects)
    assert found.pairs["image"].tolist() == [f"image/{number}" for number in range(1, NUM_PAIRS + 1)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(picture_bytes, found.pairs["images"], found.pairs["image"])) == drawn


def test_the_splits_of_a_saved_dict_become_the_splits(tmp_path, data_set, expected):
    parts = {"train": range(0, 15), "validation": range(15, 18), "test": range(18, 21), "hidden": range(21, 23)}
    datasets.DatasetDict({name: data_set.select(rows) for name, rows in parts.items()}).save_to_disk(tmp_path / "saved")
    found = read_pair_table(tmp_path / "saved")
    assert found.pairs["split"].tolist() == ["train"] * 15 + ["validation"] * 3 + ["test"] * 3
    assert found.pairs["pair_id"].tolist() == expected["pair_id"].tolist()[:21]
    assert found.rejects["reason"].tolist() == [BAD_SPLIT] * 2
    assert set(found.pairs["images"]) == {str(tmp_path / "saved" / name) for name in parts if name != "hidden"}


def test_a_saved_data_set_that_only_names_its_files_follows_the_rules_of_folders(tmp_path, drawn):
    named = [{"bytes": None, "path": path} for path in ("beside.png", "/etc/passwd", "../0.png", "none.png")]
    named.append({"bytes": drawn[0], "path": "x.png"})
    columns = {"image": named, "caption": [str(number) for number in range(5)]}
    features = datasets.Features({"image": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
                                  "caption": datasets.Value("string")})  # fmt: skip
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "beside.png").write_bytes(drawn[1])
    found = read_pair_table(tmp_path / "saved")
    assert found.pairs["image"].tolist() == ["beside.png", "image/5"]
    assert found.rejects["reason"].tolist() == [images.ABSOLUTE, images.UPWARDS, images.MISSING]


@pytest.mark.parametrize("rows_per_group", [1, 5, 100])
def test_parquet_of_the_hub_gives_the_pairs_that_a_table_gives(tmp_path, data_set, expected, rows_per_group, drawn):
    data_set.to_parquet(tmp_path / "0.parquet", batch_size=rows_per_group)
    assert pq.ParquetFile(tmp_path / "0.parquet").num_row_groups == -(-NUM_PAIRS // rows_per_group)
    found = read_pair_table(tmp_path / "0.parquet")
    assert without_place(found.pairs).equals(without_place(expected)) and not len(found.rejects)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(picture_bytes, found.pairs["images"], found.pairs["image"])) == drawn


def test_classes_have_their_names_where_pictures_are_files_too(tmp_path, drawn, expected):
    features = datasets.Features({**FEATURES, "image": datasets.Value("string")})
    columns = {name: expected[name].tolist() for name in ("image", "caption", "label")}
    datasets.Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "0.parquet")
    found = read_pair_table(tmp_path / "0.parquet")
    assert found.pairs["label"].tolist() == columns["label"] and not len(found.rejects)


@pytest.mark.parametrize("name", ["image", "jpg", "path", "Picture"])
def test_plain_bytes_in_a_column_are_pictures(tmp_path, drawn, expected, name):
    columns = {name: drawn, "caption": expected["caption"].tolist(), "label": expected["label"].tolist()}
    pq.write_table(pa.table(columns), tmp_path / "0.parquet")
    found = read_pair_table(tmp_path / "0.parquet").pairs
    assert without_place(found).equals(without_place(expected))
    assert open_picture(*found[["images", "image"]].iloc[-1]).size == (40, 30)


def test_bytes_of_any_length_are_pictures_too(tmp_path, drawn, expected):
    columns = {"image": pa.array(drawn, pa.large_binary()), "caption": pa.array(expected["caption"], pa.large_string())}
    pq.write_table(pa.table(columns), tmp_path / "0.parquet")
    assert read_pair_table(tmp_path / "0.parquet").pairs["content_hash"].tolist() == expected["content_hash"].tolist()


def test_two_columns_with_one_name_are_refused(tmp_path):
    pq.write_table(pa.table([["a.png"], ["a"], ["b"]], names=["image", "caption", "caption"]), tmp_path / "0.parquet")
    with pytest.raises(PairsError, match="two columns called caption"):
        read_pair_table(tmp_path / "0.parquet")


def test_a_value_that_no_python_type_holds_is_no_text(tmp_path, drawn):
    dates = pa.array([0, 2**62, 1], pa.timestamp("us"))
    table = pa.table({"image": ["0.png"] * 3, "caption": ["a", "b", "c"], "label": dates})
    pq.write_table(table, tmp_path / "0.parquet")
    found = read_pair_table(tmp_path / "0.parquet")
    assert found.rejects["reason"].tolist() == ["The label is neither text nor a number."] * 3


def test_names_of_files_stored_as_bytes_stay_names(tmp_path, drawn, expected):
    columns = {"image": [f"{number}.png".encode() for number in range(NUM_PAIRS)], "caption": expected["caption"]}
    pq.write_table(pa.table({**columns, "thumb": drawn}), tmp_path / "0.parquet")
    assert read_pair_table(tmp_path / "0.parquet").pairs["image"].tolist() == expected["image"].tolist()


def test_every_cell_without_a_picture_is_one_row_with_its_reason(tmp_path, drawn, picture):
    picture("beside.png", 99)
    cells = [
        ({"bytes": drawn[0], "path": None}, None),
        (None, images.NO_PATH),
        ({"bytes": None, "path": None}, images.NO_PATH),
        ({"bytes": None, "path": "beside.png"}, None),
        ({"bytes": None, "path": "/etc/passwd"}, images.ABSOLUTE),
        ({"bytes": None, "path": "https://x.invalid/a.png"}, images.URL),
        ({"bytes": b"", "path": "a.png"}, images.EMPTY_FILE),
        ({"bytes": drawn[1][:60], "path": None}, images.DAMAGED),
        ({"bytes": b"text", "path": None}, images.UNKNOWN_FORMAT),
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    captions = [str(number) for number in range(len(cells))]
    pq.write_table(
        pa.table({"image": pa.array([cell for cell, _ in cells], kind), "caption": captions}), tmp_path / "0.parquet"
    )
    found = read_pair_table(tmp_path / "0.parquet")
    assert found.rejects["reason"].tolist() == [reason for _, reason in cells if reason]
    assert found.pairs["image"].tolist() == ["image/1", "beside.png"]
    assert found.pairs["images"].tolist() == [str(tmp_path / "0.parquet"), str(tmp_path)]
    for name in ("image/0", "image/10", "image/-1", "image/x", "caption/1", "none/1", "image"):
        with pytest.raises(images.RejectedImage, match=r"does not exist"):
            picture_bytes(tmp_path / "0.parquet", name)


def test_a_row_group_too_large_for_memory_is_a_reason(tmp_path, drawn, monkeypatch):
    pq.write_table(pa.table({"jpg": drawn, "caption": ["a"] * NUM_PAIRS}), tmp_path / "0.parquet")
    monkeypatch.setattr(place, "MAX_GROUP_BYTES", 1000)
    assert set(read_pair_table(tmp_path / "0.parquet").rejects["reason"]) == {place.BIG_GROUP}


def test_a_damaged_saved_data_set_is_refused_with_its_folder(tmp_path, data_set):
    data_set.save_to_disk(tmp_path / "saved")
    file = tmp_path / "saved" / "data-00000-of-00001.arrow"
    data = file.read_bytes()
    noise = os.urandom(2000)
    for damaged in (b"", data[: len(data) // 2], b"x" + data[1:], noise, data[:600] + noise + data[2600:]):
        file.write_bytes(damaged)
        try:
            found = read_pair_table(tmp_path / "saved")
        except PairsError as error:
            assert str(tmp_path / "saved") in str(error)
        else:
            assert len(found.pairs) + len(found.rejects) == NUM_PAIRS
    file.write_bytes(data)
    for names in (["../../secret.arrow"], ["/etc/passwd"], [], None, [3]):
        state = {"_data_files": None if names is None else [{"filename": name} for name in names]}
        (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
        with pytest.raises(PairsError, match="save_to_disk"):
            read_pair_table(tmp_path / "saved")
    Path(tmp_path / "dict").mkdir()
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["../saved"]}')
    with pytest.raises(PairsError, match="save_to_disk"):
        read_pair_table(tmp_path / "dict")
