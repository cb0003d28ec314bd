"""Exports: which pairs are in them, whole or not at all, where they come from; CSV safe in a spreadsheet."""

import csv
import errno
import json
from pathlib import Path

import pandas as pd
import pytest
from csv_exports import read_csv_export

from engine.commands.export import WHICH as CHOICES
from engine.config import RunConfig
from engine.errors import ConfigError, StorageError
from engine.review import Decision, DecisionStore
from engine.review.exports import COLUMNS, EXPORTS, WHICH, preview, rows, write_export
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
    write_table(
        folder / "pairs.parquet",
        pairs.assign(label=None, split="train", source="/d/p.csv", images="/d", width=1, height=1, row=1),
    )
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
    decided = [("p00", "relabel", "=1+1"), ("p01", "drop", None), ("p02", "keep", None), ("elsewhere", "drop", None)]
    store.append(
        [
            Decision(pair_id=p, verdict=v, new_caption=c, annotator="-ana", decided_at="t", client_key=p)
            for p, v, c in decided
        ]
    )
    return store


def exported(run: RunFolder, store: DecisionStore, which: str) -> pd.DataFrame:
    path = run.path.parent / f"{which}.csv"
    written = write_export(run, store, "csv", path, which)
    back = read_csv_export(path)
    assert written.rows == len(back)
    return back


def test_only_decided_pairs_of_this_run_are_exported_most_suspicious_first(
    run: RunFolder, store: DecisionStore
) -> None:
    table = exported(run, store, "decided")
    assert list(table.columns) == list(COLUMNS)
    assert table["pair_id"].tolist() == ["p02", "p01", "p00"]
    assert table["verdict"].tolist() == ["keep", "drop", "relabel"]


@pytest.mark.parametrize(
    ("which", "pair_ids"), [("relabel", {"p00"}), ("drop", {"p01"}), ("keep", {"p02"}), ("unsure", set())]
)
def test_a_single_verdict_can_be_exported(run: RunFolder, store: DecisionStore, which: str, pair_ids: set[str]) -> None:
    assert set(exported(run, store, which)["pair_id"]) == pair_ids


def test_undecided_clean_and_all_pairs_are_what_their_names_say(run: RunFolder, store: DecisionStore) -> None:
    every = {f"p{i:02d}" for i in range(len(NASTY))}
    assert set(exported(run, store, "all")["pair_id"]) == every
    assert exported(run, store, "all")["verdict"].isna().sum() == len(NASTY) - 3
    assert set(exported(run, store, "undecided")["pair_id"]) == every - {"p00", "p01", "p02"}
    assert set(exported(run, store, "clean")["pair_id"]) == every - {"p01"}


def test_of_two_annotators_the_latest_decision_counts(run: RunFolder, store: DecisionStore) -> None:
    store.append([Decision("p01", "keep", "ben", "t", "ben-1")])
    assert "p01" not in set(exported(run, store, "drop")["pair_id"])
    assert exported(run, store, "decided").set_index("pair_id").loc["p01", ["verdict", "annotator"]].tolist() == [
        "keep",
        "ben",
    ]


def test_chunks_and_their_order_change_nothing_in_what_is_exported(
    run: RunFolder, store: DecisionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(run, store, "all")
    assert whole["suspicion_rank"].tolist() == sorted(whole["suspicion_rank"])
    monkeypatch.setattr(rows, "CHUNK_ROWS", 4)
    pd.testing.assert_frame_equal(exported(run, store, "all"), whole)
    monkeypatch.setattr(rows, "RANKED_AT_MOST", 6)
    in_table_order = exported(run, store, "all")
    assert in_table_order["pair_id"].tolist() == sorted(whole["pair_id"]) != whole["pair_id"].tolist()
    by_id = [table.sort_values("pair_id", ignore_index=True) for table in (in_table_order, whole)]
    pd.testing.assert_frame_equal(*by_id)


def test_a_csv_reads_back_exactly(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert write_export(run, store, "csv", path, "all").rows == len(NASTY)
    back = read_csv_export(path).set_index("pair_id")
    assert back["caption"].to_dict() == {f"p{i:02d}": caption for i, caption in enumerate(NASTY)}
    assert back.loc["p00", "new_caption"] == "=1+1"
    assert back.loc["p05", "new_caption"] is None


def test_numbers_read_back_are_those_of_the_run(run: RunFolder, store: DecisionStore) -> None:
    back = exported(run, store, "all").set_index("pair_id")
    scores = run.table("scores").set_index("pair_id").loc[back.index]
    for name in ("influence", "clip_score", "suspicion_rank"):
        assert back[name].tolist() == scores[name].tolist()
    assert isinstance(back["influence"].iloc[0], float) and isinstance(back["suspicion_rank"].iloc[0], int)


def test_lines_end_with_a_newline_only(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    write_export(run, store, "csv", tmp_path / "out.csv", "decided")
    content = (tmp_path / "out.csv").read_bytes()
    assert content.endswith(b"\n") and b"\r" not in content


def test_a_store_without_decisions_exports_nothing_or_every_pair(run: RunFolder, tmp_path: Path) -> None:
    empty = DecisionStore.open(tmp_path / "empty.sqlite")
    assert write_export(run, empty, "csv", tmp_path / "out.csv", "decided").rows == 0
    assert write_export(run, empty, "csv", tmp_path / "out.csv", "all").rows == len(NASTY)


def test_no_text_cell_is_a_formula_and_numbers_stay_numbers(
    run: RunFolder, store: DecisionStore, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    write_export(run, store, "csv", path, "all")
    with path.open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    texts = ("caption", "new_caption", "annotator", "suggested_caption", "image", "pair_id")
    assert not [row[name] for row in cells for name in texts if row[name].startswith(DANGEROUS)]
    assert {row["influence"] for row in cells} == {"-0.5"}
    assert {row["suggested_caption"] for row in cells} == {"'-other"}


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


@pytest.mark.parametrize("format", ["csv", "label-studio"])
def test_a_folder_of_somebody_else_is_left_as_it_was(
    run: RunFolder, store: DecisionStore, tmp_path: Path, format: str
) -> None:
    for name in ("mine", "new.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("older")
    for name in ("mine", "new"):
        with pytest.raises(ConfigError, match="choose another"):
            write_export(run, store, format, tmp_path / name)
    assert [len(list((tmp_path / name).iterdir())) for name in ("mine", "new.part")] == [1, 1]
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob("*.provenance.json"))


@pytest.mark.parametrize("format", EXPORTS)
def test_a_full_disk_leaves_nothing_and_the_old_file_as_it_was(
    run: RunFolder, store: DecisionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine").write_text("older")

    def full(self: object, chunks: object, path: Path, origin: object) -> None:
        path.write_bytes(b"half")
        next(iter(chunks), None)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(EXPORTS[format]), "write", full)
    with pytest.raises(StorageError, match="full disk"):
        write_export(run, store, format, folder / "mine")
    assert [one.name for one in folder.iterdir()] == ["mine"]
    assert (folder / "mine").read_text() == "older"


def test_a_folder_never_takes_the_place_of_a_file_and_nothing_is_left_beside_it(
    run: RunFolder, store: DecisionStore, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("older")
    with pytest.raises(StorageError):
        write_export(run, store, "label-studio", tmp_path / "out" / "mine")
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["mine"]
    assert (tmp_path / "out" / "mine").read_text() == "older"


def test_without_room_for_its_provenance_nothing_is_written(
    run: RunFolder, store: DecisionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, values: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("engine.review.exports.write.write_json", full)
    with pytest.raises(StorageError, match="full disk"):
        write_export(run, store, "csv", tmp_path / "out.csv")
    assert not list(tmp_path.glob("out*"))


def test_every_format_says_what_it_is_and_what_becomes_of_the_undecided() -> None:
    for name, exporter in EXPORTS.items():
        words = exporter.words
        assert words.what.endswith(".") and words.others.endswith("."), name
        assert "ndecided" in words.others and "unsure" in words.others, name
        assert set(exporter.which) <= set(WHICH), name
    assert tuple(WHICH) == CHOICES


def test_a_preview_is_the_beginning_of_the_export(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    write_export(run, store, "jsonl", tmp_path / "out.jsonl", "all")
    (shown,) = preview(run, store, "jsonl", "all")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")
    assert shown.name == "decisions.jsonl"
    for line, whole in zip(shown.text.split("\n"), lines, strict=False):
        assert whole.startswith(line.removesuffix(" …")) and line
    assert '"pair_id": "p18"' in preview(run, store, "parquet", "all")[0].text


def test_preview_of_several_files_shows_each_and_of_none_is_empty(run: RunFolder, store: DecisionStore) -> None:
    assert [one.name for one in preview(run, store, "label-studio")] == ["config.xml", "tasks-001.json"]
    assert preview(run, store, "jsonl", "unsure")[0].text == ""
