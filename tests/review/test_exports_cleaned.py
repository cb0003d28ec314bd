"""The cleaned data set: the original table, read again by the readers of `ecif check` and by others."""

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import CAPTIONS, FINAL, NEW_CAPTIONS, Setting, decided_store, hostile_run, hostile_table, write_source

from engine.errors import ConfigError, PairsError
from engine.pairs import check_pairs, load_data_set
from engine.pairs.readers import reader_for
from engine.review import Decision, DecisionStore
from engine.review.exports import EXPORTS, preview, write_export
from engine.runs import RunFolder, write_table


def of_table(folder: Path, name: str, drop: tuple[str, ...] = ()) -> Setting:
    """The hostile data set as a table of another format, without the columns `drop`."""
    table = hostile_table(folder / "data")
    source = folder / "data" / name
    write_source(source, table.drop(columns=list(drop)))
    run = hostile_run(folder / "runs" / "r-1", {str(source): table})
    return Setting(run, decided_store(folder / "runs" / "decisions.sqlite"), table, folder)


def cleaned(setting: Setting, run: RunFolder | None = None) -> Path:
    path = setting.folder / "data" / EXPORTS["cleaned"].file_name(run or setting.run)
    write_export(run or setting.run, setting.store, "cleaned", path)
    return path


def drop(store: DecisionStore, *pair_ids: str) -> None:
    at = "2026-01-02T00:00:00+00:00"
    store.append([Decision(one, "drop", "ana", at, f"drop-{one}") for one in pair_ids])


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv", "pairs.jsonl", "pairs.parquet"])
def test_the_table_is_read_again_with_new_captions_in_and_dropped_pairs_out(tmp_path: Path, name: str) -> None:
    setting = of_table(tmp_path, name)
    path = cleaned(setting)
    assert path.name == f"pairs-clean{Path(name).suffix}"
    checked = check_pairs(path)
    assert (checked.accepted, checked.rejected) == (len(FINAL), 0)
    again = load_data_set(path)
    assert dict(zip(again.pairs["pair_id"], again.pairs["caption"], strict=True)) == FINAL
    before = pd.read_parquet(setting.run.path / "pairs.parquet").set_index("pair_id").loc[again.pairs["pair_id"]]
    assert again.pairs["split"].tolist() == before["split"].tolist()
    assert again.pairs["image"].tolist() == before["image"].tolist()


def test_other_columns_and_the_form_of_cells_stay(setting: Setting) -> None:
    with cleaned(setting).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    staying = setting.table[setting.table["pair_id"].isin(FINAL)]
    assert list(rows[0]) == list(setting.table.columns)
    for name in ("pair_id", "image", "split", "label", "note"):
        assert [row[name] for row in rows] == staying[name].tolist()


def test_a_parquet_table_keeps_its_schema(tmp_path: Path) -> None:
    setting = of_table(tmp_path, "pairs.parquet")
    source = tmp_path / "data" / "pairs.parquet"
    table = pq.read_table(source)
    more = pa.array([[at, None] for at in range(table.num_rows)], pa.list_(pa.int16()))
    pq.write_table(table.append_column("more", more), source, row_group_size=7)
    found = pq.read_table(cleaned(setting))
    assert found.schema.equals(pq.read_schema(source), check_metadata=True)
    assert [one[0] for one in found["more"].to_pylist()] == [int(one[1:]) for one in found["pair_id"].to_pylist()]


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.jsonl", "pairs.parquet"])
def test_ids_and_splits_stay_where_the_table_has_none(tmp_path: Path, name: str) -> None:
    setting = of_table(tmp_path, name, drop=("pair_id", "split"))
    again = load_data_set(cleaned(setting)).pairs
    assert dict(zip(again["pair_id"], again["caption"], strict=True)) == FINAL
    assert set(again["split"]) == {"train", "validation", "test"}


def test_rejected_rows_between_the_others_are_left_out(tmp_path: Path) -> None:
    setting = of_table(tmp_path, "pairs.csv")
    source, path = tmp_path / "data" / "pairs.csv", setting.run.path / "pairs.parquet"
    header, _, rest = source.read_bytes().partition(b"\n")
    source.write_bytes(header + b'\n"bad","images/none.png","","","",""\n' + rest)
    pairs = pd.read_parquet(path)
    pairs.assign(row=pairs["row"] + 1).to_parquet(path)
    again = load_data_set(cleaned(setting))
    assert again.rejects.empty and set(again.pairs["pair_id"]) == set(FINAL)


def test_several_tables_become_a_folder_of_tables(tmp_path: Path) -> None:
    table = hostile_table(tmp_path / "data")
    parts = {"pairs.csv": table[:8], "validation.jsonl": table[8:14], "test.parquet": table[14:]}
    for name, part in parts.items():
        write_source(tmp_path / "data" / name, part.drop(columns="split"))
    splits = ["train"] * 8 + ["validation"] * 6 + ["test"] * 6
    sources = {str(tmp_path / "data" / name): part for name, part in parts.items()}
    run = hostile_run(tmp_path / "runs" / "r-1", {k: v.assign(split=splits[v.index[0]]) for k, v in sources.items()})
    setting = Setting(run, decided_store(tmp_path / "decisions.sqlite"), table, tmp_path)
    folder = cleaned(setting)
    names = ["pairs-clean.csv", "test-clean.parquet", "validation-clean.jsonl"]
    assert sorted(one.name for one in folder.iterdir()) == names
    for one in folder.iterdir():
        one.rename(tmp_path / "data" / one.name)
    again = load_data_set(*(tmp_path / "data" / names[at] for at in (0, 2, 1))).pairs
    assert dict(zip(again["pair_id"], again["caption"], strict=True)) == FINAL
    assert again["split"].tolist() == [splits[int(one[1:])] for one in again["pair_id"]]


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.jsonl", "pairs.parquet"])
def test_a_table_whose_pairs_are_all_dropped_is_an_empty_table(tmp_path: Path, name: str) -> None:
    setting = of_table(tmp_path, name)
    drop(setting.store, *setting.table["pair_id"])
    path = cleaned(setting)
    with pytest.raises(PairsError, match="none in"):
        check_pairs(path)
    assert reader_for(path).columns(path) == ([] if name == "pairs.jsonl" else list(setting.table.columns))


def test_of_several_tables_one_without_a_pair_left_is_not_written_and_said(tmp_path: Path) -> None:
    table = hostile_table(tmp_path / "data")
    sources = {str(tmp_path / "data" / name): part for name, part in (("a.csv", table[:8]), ("b.csv", table[8:]))}
    for source, part in sources.items():
        write_source(Path(source), part)
    setting = Setting(hostile_run(tmp_path / "run", sources), decided_store(tmp_path / "d.sqlite"), table, tmp_path)
    drop(setting.store, *table["pair_id"][:8])
    written = write_export(setting.run, setting.store, "cleaned", tmp_path / "out")
    assert written.rows == 12 and [one.name for one in (tmp_path / "out").iterdir()] == ["b-clean.csv"]
    assert written.notes[1:] == (f"No pair of {tmp_path / 'data' / 'a.csv'} stays.",)


def test_a_table_that_was_read_twice_is_refused_before_it_is_written_over(tmp_path: Path) -> None:
    table = hostile_table(tmp_path / "data")
    one, other = str(tmp_path / "data" / "a.csv"), str(tmp_path / "data" / "b.csv")
    write_source(Path(one), table)
    write_source(Path(other), table)
    run = hostile_run(tmp_path / "run", {one: table, other: table})
    pairs = pd.read_parquet(run.path / "pairs.parquet")  # no run has one id twice, as these two tables do
    twice = pd.concat([pairs, pairs[:5]], ignore_index=True)
    write_table(run.path / "pairs.parquet", twice.assign(pair_id=[f"pair-{row}" for row in range(len(twice))]))
    with pytest.raises(ConfigError, match=r"a\.csv twice"):
        write_export(run, decided_store(tmp_path / "d.sqlite"), "cleaned", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("format", ["cleaned", "csv", "hf"])
def test_the_table_of_the_run_is_never_written_over(setting: Setting, format: str) -> None:
    source = setting.folder / "data" / "pairs.csv"
    before = source.read_bytes()
    with pytest.raises(ConfigError, match="the table of the run"):
        setting.export(format, "data/../data/pairs.csv")
    assert source.read_bytes() == before and [one.name for one in source.parent.glob("pairs*")] == ["pairs.csv"]


def test_a_table_that_was_changed_since_the_run_is_not_cleaned(setting: Setting) -> None:
    source = setting.folder / "data" / "pairs.csv"
    swapped = setting.table.iloc[::-1]
    for changed in (swapped, setting.table.head(3), setting.table.assign(caption=["another", *CAPTIONS[1:]])):
        write_source(source, changed)
        with pytest.raises(ConfigError, match="another one now"):
            cleaned(setting)
    source.unlink()
    with pytest.raises(ConfigError, match="nothing at"):
        cleaned(setting)
    assert not list((setting.folder / "data").glob("*clean*"))


def test_a_column_that_is_not_valid_utf_8_goes_through_byte_by_byte(setting: Setting) -> None:
    source = setting.folder / "data" / "pairs.csv"
    content = source.read_bytes().replace(b"note 12.50", b"note \xff\xfe\xe9")
    source.write_bytes(content)
    assert b"note \xff\xfe\xe9" in cleaned(setting).read_bytes()


def test_a_number_stays_a_number_in_json_lines(tmp_path: Path) -> None:
    setting = of_table(tmp_path, "pairs.jsonl")
    source = tmp_path / "data" / "pairs.jsonl"
    rows = [
        json.loads(line) | {"size": at / 3, "tags": [at]} for at, line in enumerate(source.read_text().splitlines())
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = {row["pair_id"]: row for row in map(json.loads, cleaned(setting).read_text("utf-8").splitlines())}
    for row in rows:
        if row["pair_id"] in kept and row["pair_id"] not in NEW_CAPTIONS:
            assert kept[row["pair_id"]] == row


def test_the_preview_reads_only_what_it_shows(setting: Setting) -> None:
    (shown,) = preview(setting.run, setting.store, "cleaned")
    assert shown.name == "pairs-clean.csv" and shown.text.startswith("pair_id,image,caption,split,label,note\np00,")


def test_the_sample_is_cleaned_and_checked_again(sample_run: RunFolder, tmp_path: Path) -> None:
    empty = decided_store(tmp_path / "decisions.sqlite")
    path = tmp_path / "clean.csv"
    written = write_export(sample_run, empty, "cleaned", path)
    pairs = sample_run.table("pairs")
    assert written.rows == len(pairs)
    assert pd.read_csv(path)["pair_id"].tolist() == pairs["pair_id"].tolist()
    assert any(str(Path(pairs["source"][0]).parent) in sentence for sentence in written.notes)


def test_pairs_out_of_a_container_have_no_table_to_clean(setting: Setting) -> None:
    path = setting.run.path / "pairs.parquet"
    pairs = pd.read_parquet(path)
    for place in ("/data/00000.tar", "/data/00000.parquet"):
        write_table(path, pairs.assign(source=place, images=place))
        with pytest.raises(ConfigError, match=f"got {place}"):
            setting.export("cleaned", "clean")


def test_where_the_images_lie_elsewhere_it_is_said_how_to_find_them(setting: Setting) -> None:
    path = setting.run.path / "pairs.parquet"
    write_table(path, pd.read_parquet(path).assign(images="/photos"))
    written = write_export(setting.run, setting.store, "cleaned", setting.folder / "data" / "new.csv")
    assert written.notes == ("The images lie elsewhere: give --images /photos together with what was written.",)


@pytest.mark.parametrize(("format", "name"), [("coco", "captions.json"), ("hf", "metadata.jsonl")])
def test_our_other_data_sets_are_read_back_with_their_ids_and_splits(setting: Setting, format: str, name: str) -> None:
    path = setting.folder / "data" / name
    write_export(setting.run, setting.store, format, path)
    again = load_data_set(path).pairs
    before = pd.read_parquet(setting.run.path / "pairs.parquet").set_index("pair_id").loc[again["pair_id"]]
    assert dict(zip(again["pair_id"], again["caption"], strict=True)) == FINAL
    assert again["split"].tolist() == before["split"].tolist() and again["image"].tolist() == before["image"].tolist()
