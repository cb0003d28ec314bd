"""Exports: what is in them, safe in a spreadsheet, read back exactly."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.review import Decision, DecisionStore
from engine.review.exports import COLUMNS, export_rows, read_csv_export, write_export
from engine.runs import FORMAT_VERSION, RunFolder, write_json, write_table
from engine.spreadsheets import DANGEROUS

NASTY = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-x",
    "@a",
    "\ttab",
    "\nnew line",
    "'=quoted",
    "''=twice",
    "'plain quote",
    'says "hi", twice',
    "<b>bold</b> **md**",
    "naïve – 猫",
    "two\nlines",
    "a\rreturn inside",
    "\rreturn first",
    "\r\nboth first",
    "\0NUL first",
    "NUL\0inside",
    "12.50",
]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "runs" / "r-1"
    folder.mkdir(parents=True)
    ids = [f"p{i:02d}" for i in range(len(NASTY))]
    pairs = pd.DataFrame({"pair_id": ids, "pair_index": range(len(ids)), "image": "a.png", "caption": NASTY})
    write_table(folder / "pairs.parquet", pairs.assign(label=None, split="train"))
    numbers = [
        "suspicion",
        "relative_influence",
        "influence",
        "influence_positive",
        "influence_negative",
        "clip_score",
        "pair_loss",
    ]
    scores = pd.DataFrame({"pair_id": ids, **dict.fromkeys(numbers, -0.5)})
    scores["suspicion_rank"] = range(len(ids), 0, -1)
    write_table(folder / "scores.parquet", scores.assign(suggested_caption="-other"))
    (folder / "config.json").write_text(RunConfig(pairs="p.csv", model="hf:m").to_json())
    write_json(folder / "record.json", {"format_version": FORMAT_VERSION, "hashes": {"pairs": "abc"}})
    return RunFolder.open(folder)


@pytest.fixture
def store(run: RunFolder) -> DecisionStore:
    store = DecisionStore.open(run.path.parent / "decisions.sqlite")
    rows = [("p00", "relabel", "=1+1"), ("p01", "drop", None), ("p02", "keep", None), ("elsewhere", "drop", None)]
    store.append(
        [
            Decision(pair_id=p, verdict=v, new_caption=c, annotator="-ana", decided_at="t", client_key=p)
            for p, v, c in rows
        ]
    )
    return store


def test_only_decided_pairs_of_this_run_are_exported_most_suspicious_first(
    run: RunFolder, store: DecisionStore
) -> None:
    rows = export_rows(run, store)
    assert list(rows.columns) == COLUMNS
    assert rows["pair_id"].tolist() == ["p02", "p01", "p00"]
    assert rows["verdict"].tolist() == ["keep", "drop", "relabel"]


@pytest.mark.parametrize(("which", "pair_ids"), [("relabel", ["p00"]), ("drop", ["p01"])])
def test_a_single_verdict_can_be_exported(
    run: RunFolder, store: DecisionStore, which: str, pair_ids: list[str]
) -> None:
    assert export_rows(run, store, which)["pair_id"].tolist() == pair_ids


def test_all_pairs_include_the_undecided(run: RunFolder, store: DecisionStore) -> None:
    rows = export_rows(run, store, "all")
    assert len(rows) == len(NASTY)
    assert rows["verdict"].isna().sum() == len(NASTY) - 3


def test_a_csv_reads_back_exactly(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert write_export(run, store, "csv", path, "all") == len(NASTY)
    back = read_csv_export(path).set_index("pair_id")
    assert back["caption"].to_dict() == {f"p{i:02d}": caption for i, caption in enumerate(NASTY)}
    assert back.loc["p00", "new_caption"] == "=1+1"
    assert back.loc["p05", "new_caption"] is None


def test_an_export_read_back_equals_the_rows(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    write_export(run, store, "csv", tmp_path / "out.csv", "all")
    rows = export_rows(run, store, "all").astype(object)
    back = read_csv_export(tmp_path / "out.csv")
    pd.testing.assert_frame_equal(back, rows.where(rows.notna(), None))
    assert isinstance(back.loc[0, "influence"], float) and isinstance(back.loc[0, "suspicion_rank"], int)


def test_lines_end_with_a_newline_only(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    write_export(run, store, "csv", tmp_path / "out.csv", "decided")
    content = (tmp_path / "out.csv").read_bytes()
    assert content.endswith(b"\n") and b"\r" not in content


@pytest.mark.parametrize("content", ["", "pair_id,influence\na\n", "pair_id,influence\na,much\n"])
def test_a_damaged_export_is_said_when_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "out.csv").write_text(content)
    with pytest.raises(ConfigError, match="Export it again"):
        read_csv_export(tmp_path / "out.csv")


def test_a_store_without_decisions_exports_nothing_or_every_pair(run: RunFolder, tmp_path: Path) -> None:
    empty = DecisionStore.open(tmp_path / "empty.sqlite")
    assert write_export(run, empty, "csv", tmp_path / "out.csv", "decided") == 0
    assert write_export(run, empty, "csv", tmp_path / "out.csv", "all") == len(NASTY)


def test_no_text_cell_is_a_formula_and_numbers_stay_numbers(
    run: RunFolder, store: DecisionStore, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    write_export(run, store, "csv", path, "all")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = ("caption", "new_caption", "annotator", "suggested_caption", "image", "pair_id")
    assert not [row[name] for row in rows for name in texts if row[name].startswith(DANGEROUS)]
    assert {row["influence"] for row in rows} == {"-0.5"}
    assert {row["suggested_caption"] for row in rows} == {"'-other"}


def test_an_export_says_where_it_comes_from(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    write_export(run, store, "csv", tmp_path / "out.csv", "decided")
    said = json.loads((tmp_path / "out.csv.provenance.json").read_text())
    assert said["run_id"] == "r-1" and said["hashes"] == {"pairs": "abc"}
    assert said["verdicts"] == {"keep": 1, "drop": 1, "relabel": 1} and said["rows"] == 3
    assert said["decisions_revision"] == store.revision() == 4


@pytest.mark.parametrize(
    ("format", "target", "which"), [("xlsx", "o.x", "all"), ("csv", "no/such/o.csv", "all"), ("csv", "o.csv", "some")]
)
def test_what_cannot_be_exported_is_said_in_a_sentence(
    run: RunFolder, store: DecisionStore, tmp_path: Path, format: str, target: str, which: str
) -> None:
    with pytest.raises(ConfigError, match="Expected"):
        write_export(run, store, format, tmp_path / target, which)
    assert not list(tmp_path.glob("*.csv*"))
