"""Decisions made elsewhere: understood, stored once, or reported with their row and reason; never half."""

import errno
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engine.cli import main
from engine.config import RunConfig
from engine.errors import DecisionsError, EcifError
from engine.review import Decision, DecisionStore
from engine.review.exports import write_export
from engine.review.imports import import_decisions, write_rejects
from engine.runs import FORMAT_VERSION, RunFolder, write_json, write_table

IDS = ["p0", "p1", "p2", "p3", "=p4", "'=p4", "'@p5"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "runs" / "r-1"
    folder.mkdir(parents=True)
    pairs = pd.DataFrame({"pair_id": IDS, "pair_index": range(len(IDS)), "image": "a.png", "caption": "a cat"})
    write_table(
        folder / "pairs.parquet",
        pairs.assign(label=None, split="train", source="pairs.csv", images=".", row=range(1, len(IDS) + 1)),
    )
    scores = pd.DataFrame({"pair_id": IDS, "suspicion": 0.5, "suspicion_rank": range(len(IDS))})
    columns = [
        "influence",
        "relative_influence",
        "influence_positive",
        "influence_negative",
        "clip_score",
        "pair_loss",
        "suggested_caption",
    ]
    write_table(folder / "scores.parquet", scores.assign(**dict.fromkeys(columns, 0.0)))
    (folder / "config.json").write_text(RunConfig(pairs="p.csv", model="hf:m").to_json())
    write_json(folder / "record.json", {"format_version": FORMAT_VERSION, "hashes": {"pairs": "abc"}})
    return RunFolder(folder)


@pytest.fixture
def store(place: str | Path) -> DecisionStore:
    return DecisionStore.open(place)


def stands(store: DecisionStore) -> dict[str, tuple[Any, ...]]:
    rows = store.current().to_dict("records")
    return {row["pair_id"]: (row["verdict"], row["new_caption"], row["annotator"]) for row in rows}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_our_own_export_comes_back_as_it_was(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    given = [("p0", "keep", None), ("p1", "relabel", '=a "red" bus,\n\'quoted'), ("=p4", "drop", None)]
    store.append(
        [
            Decision(pair_id, verdict, "ana", f"2026-01-01T00:00:0{at}.125+00:00", f"k{at}", new_caption=caption)
            for at, (pair_id, verdict, caption) in enumerate(given)
        ]
    )
    write_export(run, store, "csv", tmp_path / "all.csv", "all")
    other = DecisionStore.open(tmp_path / "other.sqlite")
    found = import_decisions(run, other, tmp_path / "all.csv", "somebody")
    assert (found.new, found.known, found.undecided, len(found.rejects)) == (3, 0, 4, 0)
    kept = ["pair_id", "verdict", "new_caption", "annotator", "decided_at"]
    assert other.current()[kept].equals(store.current()[kept])
    again = import_decisions(run, store, tmp_path / "all.csv", "somebody")
    assert (again.new, again.known) == (0, 3) and store.revision() == 3


ROWS = [
    {"pair_id": "p0", "verdict": "Keep", "new_caption": None, "annotator": "ben", "decided_at": "2026-01-01 10:00"},
    {"pair_id": "p1", "verdict": "relabel", "new_caption": "a dog", "annotator": None, "decided_at": None},
    {"pair_id": "p2", "verdict": None, "new_caption": None, "annotator": None, "decided_at": None},
]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "json"])
def test_every_form_of_a_table_says_the_same_and_is_stored_once(
    run: RunFolder, store: DecisionStore, tmp_path: Path, form: str
) -> None:
    path, table = tmp_path / f"made.{form}", pd.DataFrame(ROWS)
    if form in ("csv", "tsv"):
        table.to_csv(path, index=False, sep="," if form == "csv" else "\t")
    elif form == "parquet":
        table.to_parquet(path)
    elif form == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    else:
        path.write_text(json.dumps(ROWS))
    found = import_decisions(run, store, path, "ana")
    assert (found.new, found.known, found.undecided, len(found.rejects)) == (2, 0, 1, 0)
    assert stands(store) == {"p0": ("keep", None, "ben"), "p1": ("relabel", "a dog", "ana")}
    assert store.history("p0")["decided_at"].tolist() == ["2026-01-01T10:00:00.000+00:00"]
    again = import_decisions(run, store, path, "ana")
    assert (again.new, again.known) == (0, 2)


def test_rows_that_cannot_be_used_are_named_and_the_others_stored(
    run: RunFolder, store: DecisionStore, tmp_path: Path
) -> None:
    bad = {
        2: ("nobody", "keep", "", "2026-01-01", "of this run"),
        3: ("p1", "maybe", "", "", "keep, drop, relabel, unsure"),
        4: ("p1", "relabel", "", "", "a new caption with relabel"),
        5: ("p1", "keep", "a dog", "", "a new caption with relabel"),
        6: ("p1", "keep", "", "yesterday", "a time such as"),
        7: ("", "keep", "", "", "a pair_id"),
        8: ("p1", "relabel", "a \0 cat", "", "NUL"),
    }
    lines = ["pair_id,verdict,new_caption,decided_at", "p0,drop,,"]
    lines += [",".join(row[:4]) for row in bad.values()] + ['p2,"keep', "p3,unsure,,"]
    path = written(tmp_path / "made.csv", "\n".join(lines) + "\n")
    path.write_bytes(path.read_bytes() + b"=\xff,keep,,\n")
    found = import_decisions(run, store, path, "ana")
    assert set(stands(store)) == {"p0", "p3"} and found.new == 2
    assert found.rejects["row"].tolist() == [*bad, 9, 11]
    for row, reason in zip(
        found.rejects.itertuples(), [*(one[4] for one in bad.values()), "quotation", "of this run"], strict=True
    ):
        assert reason in row.reason
    write_rejects(found.rejects, tmp_path / "rejects.csv")
    assert pd.read_csv(tmp_path / "rejects.csv")["pair_id"].iloc[-1] == "'=\\udcff"


def test_ids_that_look_like_formulas_are_the_right_ones(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    path = written(tmp_path / "made.csv", "pair_id,verdict\n'=p4,drop\n''=p4,keep\n'@p5,unsure\n")
    import_decisions(run, store, path, "ana")
    assert {name: verdict for name, (verdict, *_) in stands(store).items()} == {
        "=p4": "drop",
        "'=p4": "keep",
        "'@p5": "unsure",
    }


def test_the_latest_of_a_file_stands_and_a_copy_counts_once(
    run: RunFolder, store: DecisionStore, tmp_path: Path
) -> None:
    text = "pair_id,verdict,decided_at\np0,drop,2026-03-01\np0,keep,2026-01-01\np0,keep,2026-01-01T00:00:00Z\n"
    found = import_decisions(run, store, written(tmp_path / "made.csv", text), "ana")
    assert (found.new, found.known) == (2, 1)
    assert stands(store)["p0"][0] == "drop"


def task(pair_id: str, *answers: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "data": {"pair_id": pair_id, "image": "u", "caption": "c"}, "annotations": list(answers)}


def answer(verdict: str | None, caption: str | None = None, **more: Any) -> dict[str, Any]:
    result = []
    if verdict is not None:
        result.append({"from_name": "decision", "to_name": "img", "type": "choices", "value": {"choices": [verdict]}})
    if caption is not None:
        result.append({"from_name": "new_caption", "to_name": "img", "type": "textarea", "value": {"text": [caption]}})
    return {"id": 7, "completed_by": 3, "created_at": "2026-01-01T10:00:00.123456Z", "lead_time": 4.5, **more,
            "result": result}  # fmt: skip


def test_label_studios_answers_are_decisions(run: RunFolder, store: DecisionStore, tmp_path: Path) -> None:
    tasks = [
        task("p0", answer("keep", "the suggestion that was filled in")),
        task("p1", answer("Relabel", "a dog", completed_by={"id": 4, "email": "eve@x.org"}), answer("drop")),
        task("p2"),
        task("p3", answer("drop", was_cancelled=True)),
        task("nobody", answer("keep")),
        {"data": 3, "annotations": [{"result": "x"}]},
        "not a task",
    ]
    path = written(tmp_path / "export.json", json.dumps(tasks))
    found = import_decisions(run, store, path, "ana")
    assert (found.new, found.undecided, len(found.rejects)) == (3, 2, 3)
    votes = store.by_annotator()
    assert votes[["pair_id", "annotator", "verdict", "new_caption"]].values.tolist() == [
        ["p0", "Label Studio user 3", "keep", None],
        ["p1", "eve@x.org", "relabel", "a dog"],
        ["p1", "Label Studio user 3", "drop", None],
    ]
    row = store.history("p0").iloc[0]
    assert (row["decided_at"], row["seconds_spent"]) == ("2026-01-01T10:00:00.123+00:00", 4.5)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("made.csv", "pair_id,judgement\np0,keep\n", "the columns pair_id and verdict"),
        ("made.csv", "", "the columns pair_id and verdict"),
        ("made.json", "{}", "Label Studio"),
        ("made.json", "[", "Label Studio"),
        ("made.xlsx", "x", "xlsx"),
    ],
)
def test_a_file_that_is_no_table_of_decisions_is_said(
    run: RunFolder, store: DecisionStore, tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(EcifError, match=words):
        import_decisions(run, store, written(tmp_path / name, text), "ana")
    with pytest.raises(DecisionsError, match="no file"):
        import_decisions(run, store, tmp_path / "none.csv", "ana")


@pytest.mark.parametrize("name", ["made.csv", "made.jsonl", "made.json"])
def test_a_file_that_may_not_be_read_is_said(
    run: RunFolder, store: DecisionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path / name, "pair_id,verdict\n")
    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(DecisionsError, match="Permission denied"):
        import_decisions(run, store, path, "ana")


def test_the_command_says_what_became_of_the_rows(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    lines = ["pair_id,verdict", "p0,drop", *(f"x{at},keep" for at in range(25))]
    path = written(tmp_path / "made.csv", "\n".join(lines))
    assert main(["import", str(run.path), str(path), "--annotator", "ana"]) == 0
    said = capsys.readouterr().out
    assert "1 decisions imported, 0 known already, 0 rows without a verdict, 25 that cannot be used" in said
    assert "row 2, pair 'x0'" in said and "5 more" in said
    rejects = tmp_path / "rejects.csv"
    assert main(["import", str(run.path), str(path), "--annotator", "ana", "--rejects", str(rejects)]) == 0
    assert len(pd.read_csv(rejects)) == 25
    assert stands(DecisionStore.open(run.path.parent / "decisions.sqlite")) == {"p0": ("drop", None, "ana")}
    path.write_text("pair_id,verdict\nx,keep\n")
    assert main(["import", str(run.path), str(path)]) == 1


def test_an_account_without_a_name_is_asked_who_decided(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr("getpass.getuser", nameless)
    path = written(tmp_path / "made.csv", "pair_id,verdict\np0,drop\n")
    assert main(["import", str(run.path), str(path)]) == 1
    assert "--annotator" in capsys.readouterr().err
    assert main(["import", str(run.path), str(path), "--annotator", "ana"]) == 0
