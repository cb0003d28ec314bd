"""Many files as one data set: every row is there with its file, and no file is lost in silence."""

from pathlib import Path

import pytest

from engine.errors import PairsError
from engine.pairs import check_pairs, load_data_set, read_pair_table
from engine.pairs.ids import REPEATED_ID
from engine.pairs.tables import read_tables


@pytest.fixture
def shards(picture, table):
    """Writes tables with the given columns, three rows each."""

    def write(*columns: list[str], suffix: str = ".csv", folder: str = "") -> list[Path]:
        paths = []
        for number, names in enumerate(columns):
            rows = []
            for at in range(3):
                image = Path(picture(f"{folder}{number}{at}.png", 10 * number + at)).name
                cells = {"image": image, "caption": f"words {number} {at}", "label": f"class {at}"}
                rows.append({name: {**cells, "pair_id": f"{number}{at}"}[name] for name in names})
            paths.append(table(rows, f"{folder}part-{number}{suffix}"))
        return paths

    return write


BOTH = ["image", "caption"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_rows_say_which_file_they_came_from(suffix, shards, tmp_path):
    paths = shards(BOTH, BOTH[::-1], [*BOTH, "label"], suffix=suffix)
    (tmp_path / f"part-1{suffix}.bak").write_text("not meant")
    found = read_pair_table(tmp_path / f"part-*{suffix}")
    assert found.pairs["caption"].tolist() == [f"words {number} {at}" for number in range(3) for at in range(3)]
    assert found.pairs["row"].tolist() == [1, 2, 3] * 3
    assert found.pairs["source"].tolist() == [str(path) for path in paths for _ in range(3)]
    assert found.files == 3 and found.pairs["pair_index"].tolist() == list(range(9))
    assert found.notes == (f"2 of 3 files have no column for the label: {paths[0]} and 1 more.",)


def test_rejects_say_their_file_too(shards, tmp_path):
    paths = shards(BOTH, BOTH)
    (tmp_path / "11.png").unlink()
    rejects = check_pairs(tmp_path / "part-{0,1}.csv")
    assert (rejects.rows, rejects.accepted, rejects.files) == (6, 5, 2)
    assert rejects.first_rejects == {"The image file does not exist.": "part-1.csv, row 2: 11.png"}
    assert read_pair_table(tmp_path / "part-*.csv").rejects["source"].tolist() == [str(paths[1])]


def test_a_file_without_a_needed_column_is_named(shards, tmp_path):
    shards(BOTH, ["image", "label"], BOTH)
    with pytest.raises(PairsError, match=r"for the caption .*part-1\.csv"):
        read_pair_table(tmp_path / "part-*.csv")


@pytest.mark.parametrize(("suffix", "content"), [(".parquet", b"PAR1 cut"), (".csv", b""), (".jsonl", b"")])
def test_a_file_that_cannot_be_read_stops_everything_and_is_named(suffix, content, shards, tmp_path):
    shards(BOTH, BOTH, BOTH, suffix=suffix)
    (tmp_path / f"part-1{suffix}").write_bytes(content)
    with pytest.raises(PairsError, match=f"part-1{suffix}"):
        read_pair_table(tmp_path / f"part-*{suffix}")


def test_a_file_with_columns_and_no_rows_is_a_note_unless_all_are_so(shards, tmp_path):
    paths = shards(BOTH, BOTH)
    paths[0].write_text("image,caption\n")
    assert read_pair_table(tmp_path / "part-*.csv").notes == (f"1 of 2 files have no rows: {paths[0]}.",)
    paths[1].write_text("image,caption\n")
    with pytest.raises(PairsError, match="at least one row"):
        read_pair_table(tmp_path / "part-*.csv")


def test_files_of_two_kinds_are_refused_and_both_are_named(shards, tmp_path):
    shards(BOTH)
    shards(BOTH, suffix=".parquet")
    with pytest.raises(PairsError, match=r"part-0\.csv \(a table .*part-0\.parquet \(a Parquet table\)"):
        read_pair_table(tmp_path / "part-*")
    (tmp_path / "part-9.md").touch()
    with pytest.raises(PairsError, match=r"part-9\.md"):
        read_pair_table(tmp_path / "part-{0.csv,9.md}")


def test_ids_of_one_split_are_unique_over_its_files(shards, tmp_path):
    paths = shards([*BOTH, "pair_id"], [*BOTH, "pair_id"])
    text = paths[1].read_text()
    paths[1].write_text(text.replace(",10", ",00"))
    found = read_pair_table(tmp_path / "part-*.csv")
    assert found.pairs["pair_id"].tolist() == ["00", "01", "02", "11", "12"]
    assert found.rejects["reason"].tolist() == [REPEATED_ID]


def image_folder(tmp_path: Path, shards, splits: list[str]) -> Path:
    for split in splits:
        path = shards([*BOTH, "pair_id"], folder=f"data/{split}/")[0]
        path.rename(path.with_name("metadata.csv"))
    return tmp_path / "data"


def test_the_folders_of_an_image_folder_are_its_splits_and_number_their_own_ids(shards, tmp_path):
    found = load_data_set(image_folder(tmp_path, shards, ["train", "valid", "test"]))
    assert found.pairs["split"].tolist() == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    assert found.rejects.empty and found.pairs["pair_id"].is_unique
    assert found.pairs["pair_id"].tolist()[:4] == ["00", "01", "02", "validation-00"]
    assert not any("held out" in note for note in found.notes)


def test_a_split_given_by_itself_goes_before_the_one_of_the_folder(shards, tmp_path):
    folder = image_folder(tmp_path, shards, ["train", "validation"])
    (tmp_path / "own").mkdir()
    own = shards(BOTH, BOTH, folder="own/")
    found = load_data_set(folder, tmp_path / "own" / "part-*.csv")
    assert set(found.pairs.loc[found.pairs["split"] == "validation", "source"]) == set(map(str, own))
    assert len(found.rejects) == 3 and "table of their own" in found.rejects["reason"][0]


def test_splits_may_be_files_of_any_number(shards, tmp_path):
    shards(BOTH, BOTH, BOTH, BOTH)
    found = load_data_set(tmp_path / "part-{0..1}.csv", tmp_path / "part-2.csv", tmp_path / "part-[3].csv")
    assert found.pairs["split"].value_counts().to_dict() == {"train": 6, "validation": 3, "test": 3}


def test_what_was_read_is_named(shards, tmp_path):
    shards(BOTH)
    tables = read_tables(tmp_path / "part-*.csv")
    assert (tables.reader, tables.files) == ("a table (.csv, .tsv)", 1)
