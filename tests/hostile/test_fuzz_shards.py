"""Broken shards, caption files, pictures inside tables, and patterns: all rows are there, or a sentence says why."""

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from mutation import broken_copies
from nasty_shards import END, ONE, SAYS, A, Z, coco_file, member, pair, pax, picture

from engine.errors import PairsError
from engine.pairs import read_pair_table
from engine.pairs.sources import sources

pytestmark = pytest.mark.filterwarnings("ignore")
CELLS = pa.table(
    {
        "image": pa.array([{"bytes": picture(), "path": f"{name}.png"} for name in "abcd"]),
        "caption": ["one", "two", "three", "four"],
        "label": ["cat", "dog", "cat", None],
    }
)
TARS = [
    A + Z + END,
    A + pax(path="b/long.png") + member("b", picture()) + pax(path="b/long.txt") + member("b", b"words") + END,
    pair("q", b"") + member("a.png", picture()) + member("a.json", b'{"caption": "words", "label": 3}') + END,
]
COCO = coco_file([*ONE, {"id": 2, "file_name": "b.png"}], [*SAYS, {"image_id": 2, "caption": "x", "label": "cat"}])
TOKENS = b"a.png#0\twords\na.png#1\tmore\nb.png#0\tx\n"
PIPES = b"image_name| comment_number| comment\na.png| 0| words\na.png| 1| more\n"


def parquet(**options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(CELLS, file, **options)
    return file.getvalue()


def arrow() -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, CELLS.schema) as stream:
        stream.write_table(CELLS)
    return file.getvalue()


def tried(copies, path: Path, given_path: Path, what: str, cases: Counter) -> Counter:
    """What became of each broken copy; `used` counts pairs."""
    outcomes: Counter[str] = Counter()
    for data in copies:
        path.unlink(missing_ok=True)  # a new file each time: the old one may still be mapped
        path.write_bytes(data)
        cases[what] += 1
        try:
            found = read_pair_table(given_path)
        except PairsError as error:
            outcomes["refused"] += 1
            assert str(error).isprintable() and error.fix
            continue
        outcomes["read"] += 1
        outcomes["used"] += len(found.pairs)
        rows = sorted([*found.pairs["row"], *found.rejects["row"]])
        assert rows == list(range(1, len(rows) + 1))
        for table in (found.pairs, found.rejects):
            table.to_parquet(io.BytesIO())
    return outcomes


@pytest.mark.parametrize(
    ("name", "sound", "number"),
    [
        ("s.tar", TARS, 600),
        ("c.json", [COCO], 400),
        ("f.token.txt", [TOKENS], 250),
        ("results.csv", [PIPES], 250),
        ("t.parquet", [parquet(), parquet(compression="none"), parquet(row_group_size=2)], 900),
    ],
)
def test_broken_shards_and_caption_files(name, sound, number, quick_folder, cases) -> None:
    """Copy 896 of the Parquet file ends the process where pyarrow is asked about its columns."""
    (quick_folder / "a.png").write_bytes(picture())
    path = quick_folder / name
    outcomes = tried(broken_copies(sound, number, 5), path, path, f"broken {name}, pictures included", cases)
    path.unlink()
    assert outcomes["read"] > 20 and outcomes["used"] > 20 and outcomes["refused"] > 0


@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "state.json"])
def test_broken_folders_of_hugging_face(name, quick_folder, cases) -> None:
    folder = quick_folder / "saved"
    folder.mkdir(exist_ok=True)
    files: dict[str, Callable[[], bytes]] = {
        "data-00000-of-00001.arrow": arrow,
        "state.json": lambda: json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}).encode(),
        "dataset_info.json": lambda: b"{}",
    }
    for one, data in files.items():
        (folder / one).write_bytes(data())

    def copies():
        for data in broken_copies([files[name]()], 300, 22):
            (folder / "state.json").write_bytes(files["state.json"]())
            yield data

    outcomes = tried(copies(), folder / name, folder, "broken folders of Hugging Face", cases)
    assert outcomes["read"] > 10 and outcomes["refused"] > 10


PIECES = st.sampled_from(["{", "}", ",", "..", "0", "9", "007", "a", "b.csv", "*", "?", "[", "]", "!", "**", "/", "-", " ", "ü", "\\", "~", ".", "a.csv"])  # fmt: skip # noqa: E501


@settings(max_examples=600)
@given(pieces=st.lists(PIECES, max_size=14))
def test_patterns_of_any_kind(pieces, tmp_path_factory, cases) -> None:
    folder = tmp_path_factory.getbasetemp() / "patterns"
    folder.mkdir(exist_ok=True)
    for name in ("a.csv", "b.csv", "0.csv", "{a}.csv"):
        (folder / name).touch()
    cases["patterns of any kind"] += 1
    try:
        found = sources(f"{folder}/{''.join(pieces)}")
    except PairsError as error:
        assert str(error).isprintable() and error.fix
        return
    assert found and len(set(found)) == len(found)
    assert all(one.path.exists() for one in found)


def test_enough_was_tried(number_of_cases: int) -> None:
    assert number_of_cases >= 3_000
