"""JSON Lines, Parquet, relabel and drop list, read back by independent readers: hostile text unharmed."""

import csv
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from exported import CAPTIONS, NEW_CAPTIONS, VERDICTS, Setting, provenance_of

from engine.errors import ConfigError
from engine.pairs.id_lists import read_pair_ids
from engine.review import Decision
from engine.review.exports import COLUMNS, write_export
from engine.spreadsheets import DANGEROUS


def test_json_lines_read_back_exactly_however_a_reader_finds_its_lines(setting: Setting) -> None:
    path = setting.export("jsonl", "o.jsonl", "all")
    text = path.read_bytes().decode()
    rows = [json.loads(line) for line in text.splitlines()]  # splits at Unicode's own line ends too
    assert {row["pair_id"]: row["caption"] for row in rows} == dict(
        zip(setting.table["pair_id"], CAPTIONS, strict=True)
    )
    assert {row["pair_id"]: row["new_caption"] for row in rows if row["new_caption"]} == NEW_CAPTIONS
    assert {row["pair_id"]: row["verdict"] for row in rows if row["verdict"]} == VERDICTS
    assert all(tuple(row) == COLUMNS for row in rows)
    assert "猫" in text and "NaN" not in text


def test_json_lines_keep_every_digit_of_a_number(setting: Setting) -> None:
    rows = [json.loads(line) for line in setting.export("jsonl", "o.jsonl", "all").read_text().splitlines()]
    assert {row["suspicion"] for row in rows} == {0.1 + 0.2, None}
    assert {type(row["suspicion_rank"]) for row in rows} == {int, type(None)}


def test_parquet_reads_back_exactly_with_types_whatever_is_chosen(setting: Setting) -> None:
    path = setting.export("parquet", "o.parquet", "all")
    table = pq.read_table(path)
    assert table["caption"].to_pylist() != CAPTIONS  # most suspicious first
    assert dict(zip(table["pair_id"].to_pylist(), table["caption"].to_pylist(), strict=True)) == dict(
        zip(setting.table["pair_id"], CAPTIONS, strict=True)
    )
    assert pd.read_parquet(path)["influence"].dropna().eq(-0.125).all()
    nothing = pq.read_table(setting.export("parquet", "n.parquet", "keep"))
    assert nothing.schema.equals(table.schema) and nothing.num_rows == 1
    assert json.loads(table.schema.metadata[b"ecif"])["run_id"] == "r-1"


def test_a_parquet_export_of_nothing_is_a_table_of_no_rows(setting: Setting) -> None:
    setting.store.undo("p03", "-ana", "u")
    table = pq.read_table(setting.export("parquet", "o.parquet", "unsure"))
    assert table.num_rows == 0 and tuple(table.column_names) == COLUMNS


def test_the_relabel_list_holds_old_and_new_caption_and_no_formula(setting: Setting) -> None:
    with setting.export("relabel", "o.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["pair_id"] for row in rows} == set(NEW_CAPTIONS)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(DANGEROUS)]
    assert {row["pair_id"]: row["new_caption"].removeprefix("'") for row in rows} == NEW_CAPTIONS


def test_the_drop_list_is_what_whatif_reads(setting: Setting) -> None:
    assert set(read_pair_ids(setting.export("drop", "drop.txt"))) == {"p01", "p05"}
    assert provenance_of(setting.folder / "drop.txt")["rows"] == 2


def test_a_csv_of_dropped_pairs_is_read_by_whatif_without_its_guards(setting: Setting) -> None:
    pairs = pd.read_parquet(setting.run.path / "pairs.parquet")
    pairs["pair_id"] = pairs["pair_id"].replace({"p01": "-1", "p05": "NA"})
    pairs.to_parquet(setting.run.path / "pairs.parquet")
    setting.store.append([Decision(one, "drop", "ana", "t", f"k{one}") for one in ("-1", "NA")])
    assert set(read_pair_ids(setting.export("csv", "drop.csv", "drop"))) == {"-1", "NA"}
    assert set(read_pair_ids(setting.export("drop", "drop.txt"))) == {"-1", "NA"}


def test_an_id_that_is_no_single_line_is_refused_where_lines_are_ids(setting: Setting) -> None:
    pairs = pd.read_parquet(setting.run.path / "pairs.parquet")
    pairs["pair_id"] = pairs["pair_id"].replace({"p01": "two\u2028lines"})
    pairs.to_parquet(setting.run.path / "pairs.parquet")
    setting.store.append([Decision("two\u2028lines", "drop", "ana", "t", "k")])
    with pytest.raises(ConfigError, match="CSV"):
        setting.export("drop", "drop.txt")
    assert not list(setting.folder.glob("drop*"))
    assert write_export(setting.run, setting.store, "csv", setting.folder / "o.csv", "drop").rows == 2
