"""Broken tables of every format: all rows are there, used or rejected, or the table is refused in a sentence."""

# ruff: noqa: E501  (long tables of examples)

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from expectations import good_picture
from hypothesis import given, settings
from mutation import broken_copies
from nasty_features import IMAGE, METADATA, TEXT, array, features

from engine.errors import PairsError
from engine.pairs import read_pair_table
from engine.pairs.readers.delimited import _records
from engine.pairs.rows import read_rows

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = [
    {"image": "a.png", "caption": "a cat", "pair_id": "1", "label": "cat", "split": "train"},
    {"image": "b.png", "caption": 'a "dog", asleep', "pair_id": "2", "label": "", "split": "val"},
    {"image": "sub/a.png", "caption": "two\nlines", "pair_id": "3", "label": "ü", "split": "test"},
    {"image": "none.png", "caption": "🦊 und Hase", "pair_id": "4", "label": "fox", "split": "train"},
]


def delimited(delimiter: str, rows: list[dict] = ROWS) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def parquet(compression: str = "snappy", **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file, compression=compression, **options)
    return file.getvalue()


def json_lines() -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


@pytest.fixture
def folder(quick_folder: Path) -> Path:
    for name in ("a.png", "b.png", "sub/a.png"):
        (quick_folder / name).parent.mkdir(exist_ok=True)
        good_picture(quick_folder / name)
    return quick_folder


def assert_all_there(rows: list, number: int | None) -> None:
    """One thing or the other for each row, and no number is left out."""
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert number is None or len(rows) == number
    for row in rows:
        assert row.reason is None or re.fullmatch(r"[A-Z].+\.", row.reason)
        assert row.reason is not None or row.caption.strip()


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
def test_broken_delimited_tables_lose_nothing(suffix, delimiter, folder, cases) -> None:
    path, outcomes = folder / f"t{suffix}", Counter()
    for data in broken_copies([delimited(delimiter)], 2500, seed=1):
        path.write_bytes(data)
        cases["broken .csv and .tsv"] += 1
        try:
            rows, _ = read_rows(path)
        except PairsError as error:
            outcomes[error.expected[:30]] += 1
            continue
        outcomes["read"] += 1
        records = [raw for _, raw in _records(path)]
        assert_all_there(rows, len(records) - 1)
        assert re.sub(r"\s", "", "".join(records)) == re.sub(r"\s", "", data.decode("utf-8-sig", "surrogateescape"))
    assert outcomes["read"] > 1000 and len(outcomes) > 1


def test_broken_json_lines_lose_nothing(folder, cases) -> None:
    path, read = folder / "t.jsonl", 0
    for data in broken_copies([json_lines(), json_lines().replace(b'"caption"', b'"text"')], 2500, seed=2):
        path.write_bytes(data)
        cases["broken .jsonl"] += 1
        try:
            rows, _ = read_rows(path)
        except PairsError:
            continue
        lines = [line.decode("utf-8", "surrogateescape") for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
        assert_all_there(rows, sum(bool(line.strip()) for line in lines))
        read += 1
    assert read > 1500


def test_broken_parquet_tables_are_read_or_refused(folder, cases) -> None:
    path, outcomes = folder / "t.parquet", Counter()
    kinds = [
        parquet(),
        parquet("zstd"),
        parquet("none", use_dictionary=False),
        parquet("gzip", data_page_version="2.0"),
    ]
    for data in broken_copies(kinds, 2500, seed=3):
        path.write_bytes(data)
        cases["broken .parquet"] += 1
        try:
            rows, _ = read_rows(path)
        except PairsError as error:
            outcomes[error.expected[:30]] += 1
            continue
        outcomes["read"] += 1
        assert_all_there(rows, pq.read_metadata(path).num_rows)
    assert outcomes["read"] > 50 and outcomes["a readable Parquet file"] > 500


def test_broken_folders_of_features_are_read_or_refused(folder, cases) -> None:
    sound = {}
    for name in (IMAGE, TEXT, METADATA):
        (folder / "features" / name).parent.mkdir(parents=True, exist_ok=True)
    sound[IMAGE] = [array(features()), array(features().astype(np.float16))]
    sound[TEXT] = [array(features())]
    file = io.BytesIO()
    pq.write_table(pa.table({"caption": [f"words {at}" for at in range(len(features()))]}), file)
    sound[METADATA] = [file.getvalue()]
    read = 0
    for broken in sound:
        for name, kinds in sound.items():
            (folder / "features" / name).write_bytes(kinds[0])
        for data in broken_copies(sound[broken], 700, seed=4):
            (folder / "features" / broken).write_bytes(data)
            cases["broken feature files"] += 1
            try:
                rows, _ = read_rows(folder / "features")
            except PairsError:
                continue
            assert_all_there(rows, len(features()))
            read += 1
    assert 100 < read < 2000


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["a.png", "b.png", "train", "", " ", "\0", "..", "=1+1", "a" * 300, "é", "🦊", '"', "\n", "\r", "\t,;"]
    ),
)
ANYTHING = st.recursive(
    st.one_of(CELLS, st.none(), st.booleans(), st.integers(), st.floats(), st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
MEANINGS = ("image", "caption", "pair_id", "label", "split")


@settings(max_examples=500)
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(MEANINGS, ANYTHING)), min_size=1, max_size=4))
def test_cells_of_any_kind_in_json_lines(rows, folder, cases) -> None:
    path = folder / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cases["cells of any kind in .jsonl"] += 1
    found, _ = read_rows(path)
    assert_all_there(found, len(rows))


@pytest.mark.parametrize("name", ["any.csv", "any.tsv", "any.parquet"])
def test_texts_of_any_kind_come_through_whole(name, folder, cases) -> None:
    path = folder / name

    @settings(max_examples=300)
    @given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(MEANINGS[:4], CELLS)), min_size=1, max_size=4))
    def check(rows) -> None:
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_bytes(delimited("\t" if path.suffix == ".tsv" else ",", rows))
        cases["texts of any kind in .csv, .tsv and .parquet"] += 1
        found, _ = read_rows(path)
        assert_all_there(found, len(rows))
        for row, given_row in zip(found, rows, strict=True):
            if "\0" not in "".join(given_row.values()):
                assert (row.image, row.caption) == (given_row["image"], given_row["caption"])

    check()


TYPES = [pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.bool_(), pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns", "UTC"),
         pa.time32("ms"), pa.time64("ns"), pa.duration("us"), pa.binary(), pa.large_binary(), pa.string(), pa.large_string(), pa.binary(8),
         pa.decimal128(18, 2), pa.list_(pa.int64()), pa.struct([("a", pa.date64())]), pa.map_(pa.binary(), pa.int8()), pa.null()]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_columns_of_every_type_hold_any_bytes(kind, folder, cases) -> None:
    """Raw bytes taken for values: dates beyond all calendars, texts that are no text."""
    rng, path = np.random.default_rng(5), folder / "typed.parquet"
    for _ in range(40):
        column = column_of(kind, rng)
        for meaning in ("image", "caption", "pair_id"):
            cells = {"image": pa.array(["a.png"] * 4), "caption": pa.array(["words"] * 4), meaning: column}
            cases["columns of every Parquet type"] += 1
            try:
                pq.write_table(pa.table(cells), path, store_schema=bool(rng.integers(2)))
            except pa.ArrowException:  # pyarrow itself does not write these values
                continue
            rows, _ = read_rows(path)
            assert_all_there(rows, 4)


def column_of(kind: pa.DataType, rng: np.random.Generator) -> pa.Array:
    if pa.types.is_nested(kind):
        parts = [column_of(kind.field(at).type, rng) for at in range(kind.num_fields)]
        if pa.types.is_struct(kind):
            return pa.StructArray.from_arrays(parts, fields=list(kind))
        offsets = pa.array([0, 1, 1, 2, 4], pa.int32())
        if pa.types.is_map(kind):
            return pa.MapArray.from_arrays(offsets, parts[0].field(0), parts[0].field(1))
        return pa.ListArray.from_arrays(offsets, parts[0])
    if pa.types.is_null(kind):
        return pa.nulls(4)
    sizes = rng.integers(0, 9, 4)
    is_text = pa.types.is_string(kind) or pa.types.is_binary(kind)
    if is_text or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32 if is_text else np.int64)
        return pa.Array.from_buffers(kind, 4, [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(rng.bytes(64))])
    return pa.Array.from_buffers(kind, 4, [None, pa.py_buffer(rng.bytes(128))])


def test_whole_tables_go_all_the_way(folder, cases) -> None:
    """Pictures seen, ids given: pairs and rejects are all the rows, and both can be written."""
    for number, data in enumerate(broken_copies([delimited(","), json_lines()], 150, seed=6)):
        path = folder / ("whole.csv", "whole.jsonl")[number % 2]
        path.write_bytes(data)
        cases["broken tables read with their pictures"] += 1
        try:
            found = read_pair_table(path)
        except PairsError:
            continue
        rows, _ = read_rows(path)
        assert sorted([*found.pairs["row"], *found.rejects["row"]]) == [row.number for row in rows]
        assert found.pairs["pair_id"].is_unique
        for table in (found.pairs, found.rejects):
            table.to_parquet(folder / "written.parquet")
            table.to_csv(folder / "written.csv")


def test_enough_was_tried(number_of_cases: int) -> None:
    assert number_of_cases >= 15_000
