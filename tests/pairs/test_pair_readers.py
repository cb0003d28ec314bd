"""Tables of every format: the same pairs come out, and one bad row never takes another with it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import PairsError
from engine.pairs import read_pair_table
from engine.pairs.readers import READERS
from engine.pairs.readers.delimited import BAD_QUOTES, TOO_MANY_CELLS
from engine.pairs.readers.jsonl import NOT_AN_OBJECT, NOT_JSON

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ["pairs.csv", "pairs.tsv", "pairs.jsonl", "pairs.parquet"]
CAPTIONS = ["a red bus", 'two cats, "sleeping"', "línea\nnueva — 雪 🦊", "=1+1", "<b>bold</b>"]


@pytest.fixture
def rows(picture):
    return [{"image": picture(f"images/{i}.png", i), "caption": text} for i, text in enumerate(CAPTIONS)]


def captions(path: Path) -> list[str]:
    return read_pair_table(path).pairs["caption"].tolist()


def reasons(path: Path) -> dict[int, str]:
    rejects = read_pair_table(path).rejects
    return dict(zip(rejects["row"], rejects["reason"], strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_captions_as_they_were_written(name, rows, table):
    found = read_pair_table(table(rows, name))
    assert found.pairs["caption"].tolist() == CAPTIONS
    assert found.pairs["row"].tolist() == [1, 2, 3, 4, 5]
    assert found.rejects.empty


def test_the_same_data_has_the_same_ids_in_every_format(rows, table):
    ids = [read_pair_table(table(rows, name)).pairs["pair_id"].tolist() for name in FORMATS]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert len(set(ids[0])) == len(CAPTIONS)
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids[0])


def test_numbers_mean_the_same_text_in_every_format(picture, table):
    image = picture("a.png")
    rows = [{"image": image, "caption": "x", "pair_id": 7, "label": 3}]
    for name in FORMATS:
        pair = read_pair_table(table(rows, name)).pairs.iloc[0]
        assert (pair["pair_id"], pair["label"]) == ("7", "3")


def test_ids_that_became_floats_beside_an_empty_cell_are_whole_again(picture, table):
    rows = [{"image": picture(f"{i}.png", i), "caption": "x", "pair_id": given} for i, given in enumerate([1, None])]
    ids = read_pair_table(table(rows, "pairs.parquet")).pairs["pair_id"].tolist()
    assert ids[0] == "1"
    assert len(ids[1]) == 16


@pytest.mark.parametrize(
    ("image", "caption"),
    [("image", "caption"), ("FilePath", " Text "), ("image_path", "TITLE"), ("file_name", "text"), ("path", "title")],
)
def test_columns_are_recognised_under_their_other_names(image, caption, picture, table):
    found = read_pair_table(table([{"n": 1, caption: "a cat", image: picture("a.png")}]))
    assert found.columns == {"image": image, "caption": caption}
    assert found.pairs["caption"].tolist() == ["a cat"]


def test_the_first_accepted_name_wins(picture, table):
    rows = [{"title": "no", "text": "no", "path": "no.png", "image": picture("a.png"), "caption": "yes"}]
    assert captions(table(rows)) == ["yes"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_without_the_columns_says_which_it_has_and_which_it_needs(name, table):
    with pytest.raises(PairsError) as error:
        read_pair_table(table([{"photo": "a.png", "words": "b"}], name))
    for word in ("photo", "words", "filepath", "title"):
        assert word in str(error.value)


def test_a_table_with_only_an_image_column_misses_only_the_caption(table):
    with pytest.raises(PairsError) as error:
        read_pair_table(table([{"image": "a.png", "words": "b"}]))
    assert "for the caption" in error.value.expected
    assert "for the image" not in error.value.expected


def test_what_is_no_table_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "header.csv").write_text("image,caption\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "wide.csv").write_bytes("image,caption\n".encode("utf-16"))
    for name in ("none.csv", "folder.csv", "a.xlsx", "empty.csv", "empty.jsonl", "header.csv", "broken.parquet",
                 "wide.csv"):  # fmt: skip
        with pytest.raises(PairsError) as error:
            read_pair_table(tmp_path / name)
        assert error.value.fix
        assert name in str(error.value)


def test_an_unknown_format_lists_every_reader(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(PairsError) as error:
        read_pair_table(tmp_path / "a.xlsx")
    assert all(reader.accepts in str(error.value) for reader in READERS)


def test_an_empty_parquet_table_is_refused(tmp_path):
    nothing = pa.array([], pa.string())
    pq.write_table(pa.table({"image": nothing, "caption": nothing}), tmp_path / "e.parquet")
    with pytest.raises(PairsError, match="at least one row"):
        read_pair_table(tmp_path / "e.parquet")


def test_a_csv_from_a_spreadsheet_is_read(picture, tmp_path):
    picture("a.png")
    path = tmp_path / "pairs.csv"
    path.write_bytes("\ufeffImage;Caption;\r\na.png;a cat, asleep;\r\n\r\n".encode())
    assert captions(path) == ["a cat, asleep"]


def test_bytes_that_are_no_utf_8_reject_only_their_row(picture, tmp_path):
    picture("a.png")
    lines = [b"image,caption", b"a.png,before", b"a.png,caf\xe9", b"a.png,after"]
    (tmp_path / "p.csv").write_bytes(b"\n".join(lines))
    (tmp_path / "p.jsonl").write_bytes(
        b'{"image": "a.png", "caption": "before"}\n{"image": "a.png", "caption": "caf\xe9"}\n'
        b'{"image": "a.png", "caption": "after"}\n'
    )
    texts = pa.array([b"before", b"caf\xe9", b"after"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"image": ["a.png"] * 3, "caption": texts}), tmp_path / "p.parquet")
    for name in ("p.csv", "p.jsonl", "p.parquet"):
        assert captions(tmp_path / name) == ["before", "after"], name
        assert reasons(tmp_path / name) == {2: "The caption is not valid UTF-8 text; save it as UTF-8."}, name


def test_huge_cells_are_allowed(picture, tmp_path):
    picture("a.png")
    (tmp_path / "p.csv").write_text("image,caption\na.png," + "word " * 100_000 + "\n")
    assert len(captions(tmp_path / "p.csv")[0]) == 500_000


def test_nul_bytes_reject_only_their_row(picture, tmp_path):
    picture("a.png")
    (tmp_path / "p.csv").write_bytes(b"image,caption\na.png,a\0b\na\0.png,x\na.png,fine\n")
    assert captions(tmp_path / "p.csv") == ["fine"]
    assert reasons(tmp_path / "p.csv") == {
        1: "The caption contains a NUL character; take it out.",
        2: "The image path contains a NUL character; take it out.",
    }


def test_a_quotation_mark_that_is_never_closed_loses_one_row_and_not_the_rest(picture, tmp_path):
    picture("a.png")
    lines = [
        "image,caption",
        "a.png,one",
        'a.png,"never closed',
        "a.png,three",
        'a.png,"four\nin two lines"',
        "a.png,5",
    ]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    assert captions(tmp_path / "p.csv") == ["one", "three", "four\nin two lines", "5"]
    assert reasons(tmp_path / "p.csv") == {2: BAD_QUOTES}


def test_a_row_with_too_many_cells_is_rejected_with_its_text(picture, tmp_path):
    picture("a.png")
    (tmp_path / "p.csv").write_text("image,caption\na.png,a cat, asleep\na.png,fine,,\n")
    found = read_pair_table(tmp_path / "p.csv")
    assert found.pairs["caption"].tolist() == ["fine"]
    assert found.rejects.loc[0, ["caption", "reason"]].tolist() == ["a.png,a cat, asleep", TOO_MANY_CELLS]


def test_a_tsv_that_knows_no_quoting_is_taken_as_it_stands(picture, tmp_path):
    picture("a.png")
    (tmp_path / "p.tsv").write_text('image\tcaption\na.png\t"Best" cat\na.png\t5" screen\na.png\t"quoted"\n')
    assert captions(tmp_path / "p.tsv") == ['"Best" cat', '5" screen', "quoted"]


def test_bad_lines_of_jsonl_are_rejected_one_by_one(picture, tmp_path):
    good = json.dumps({"image": picture("a.png"), "caption": "good"})
    lines = [good, "{broken", "[1, 2]", "", "[" * 100_000, good, '{"image": "a.png", "caption": ["x"]}',
             '{"image": "a.png", "caption": "\\ud800"}', '{"caption": "x"}']  # fmt: skip
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    assert captions(tmp_path / "p.jsonl") == ["good", "good"]
    assert reasons(tmp_path / "p.jsonl") == {
        2: NOT_JSON,
        3: NOT_AN_OBJECT,
        4: NOT_JSON,
        6: "The caption is neither text nor a number.",
        7: "The caption is not valid UTF-8 text; save it as UTF-8.",
        8: "The image path is empty.",
    }


def test_reading_pairs_needs_no_torch():
    code = "import sys, engine.pairs; print('torch' in sys.modules, 'streamlit' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.split() == ["False", "False"]
