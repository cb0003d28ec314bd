"""Broken files of every other kind that people hand in are read, or refused in a sentence: never a crash."""

# ruff: noqa: E501  (long tables of examples)

import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
from expectations import good_picture
from hypothesis import given, settings
from mutation import broken_copies

from engine.batches import read_segmentations
from engine.config import RunConfig
from engine.embedding import class_names
from engine.errors import EcifError
from engine.pairs import check_pairs, read_check, write_check
from engine.pairs.id_lists import read_pair_ids, write_pair_ids
from engine.review.decisions import DecisionStore
from engine.review.imports import import_decisions
from engine.spreadsheets import guarded, unguarded

pytestmark = pytest.mark.filterwarnings("ignore")
IDS = ["a1", "b2", "=c3", "00d4"]
SETTINGS = RunConfig(
    pairs="pairs.csv", model="open_clip:ViT-B-32", classes="classes.txt", templates=("a {}", "the {}.")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


class KnownPairs:
    """Stands for a run: only its pairs' ids are asked for."""

    def table(self, name: str, columns: list[str]) -> pd.DataFrame:
        assert (name, columns) == ("pairs", ["pair_id"])
        return pd.DataFrame({"pair_id": IDS})


def said(error: EcifError) -> str:
    """What was expected, once it is sure that the error is a sentence."""
    text = str(error)
    assert text.startswith("Expected ") and text.isprintable() and text.endswith((".", "!", "?")) and error.fix
    return error.expected


def tried(read, copies, path: Path, what: str, cases: Counter) -> Counter:
    """How often each broken copy was read, or refused with which expectation."""
    outcomes: Counter[str] = Counter()
    for data in copies:
        path.write_bytes(data)
        cases[what] += 1
        try:
            read(path)
            outcomes["read"] += 1
        except EcifError as error:
            outcomes[said(error)] += 1
    return outcomes


@pytest.mark.parametrize("name", ["ids.csv", "ids.tsv", "ids.txt"])
def test_broken_lists_of_ids(name, quick_folder, cases) -> None:
    path = quick_folder / name
    write_pair_ids(path, IDS) if path.suffix != ".txt" else path.write_text("\n".join(IDS))
    outcomes = tried(read_pair_ids, broken_copies([path.read_bytes()], 700, 11), path, "broken lists of ids", cases)
    assert outcomes["read"] > 100 and len(outcomes) > 1


def test_broken_configurations(quick_folder, cases) -> None:
    path, copies = quick_folder / "config.json", broken_copies([SETTINGS.to_json().encode()], 1500, 12)
    outcomes = tried(lambda one: RunConfig.load(one).to_json(), copies, path, "broken configurations", cases)
    assert outcomes["read"] > 20 and len(outcomes) >= 5


FIELDS = [one.name for one in dataclasses.fields(RunConfig)]


@settings(max_examples=600)
@given(values=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_configurations_with_values_of_any_kind(values, cases) -> None:
    cases["configurations with values of any kind"] += 1
    text = json.dumps({"pairs": "a.csv", "model": "m", **values})
    try:
        found = RunConfig.from_json(text)
    except EcifError as error:
        said(error)
        return
    assert RunConfig.from_json(found.to_json()) == found
    assert re.fullmatch("[0-9a-f]{8}", found.digest())


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"pairs": ' + "9" * 5000 + "}", '{"a": 1, "a": 2}', "NaN", "", "\ufeff{}"]
)
def test_configurations_that_break_json_itself(text, cases) -> None:
    cases["broken configurations"] += 1
    with pytest.raises(EcifError) as caught:
        RunConfig.from_json(text)
    said(caught.value)


@pytest.mark.parametrize("values", [{"pairs": "caf\udce9.csv"}, {"out": "a\0b"}, {"templates": ["{}\ud800"]}])
def test_texts_that_no_file_holds(values, cases) -> None:
    cases["configurations with values of any kind"] += 1
    with pytest.raises(EcifError, match="UTF-8") as caught:
        RunConfig(**{"pairs": "a.csv", "model": "m", **values})
    said(caught.value)


@pytest.mark.parametrize("tier", ["(" * 5000, "a{99999999999}", "(?P<1>", "[", "\\", "(?i", "*", "a" * 10**5 + "("])
def test_tiers_that_are_no_expressions(tier, cases) -> None:
    cases["configurations with values of any kind"] += 1
    with pytest.raises(EcifError) as caught:
        RunConfig(pairs="a.csv", model="m", tier=tier)
    said(caught.value)


def segmentation() -> pd.DataFrame:
    return pd.DataFrame({"segmentation": 0, "batch_index": [0, 0, 1, 1], "pair_id": IDS})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_broken_batches(suffix, quick_folder, cases) -> None:
    path = quick_folder / f"batches{suffix}"
    segmentation().to_csv(path, index=False) if suffix == ".csv" else segmentation().to_parquet(path)
    ids = pd.Series(IDS)
    copies = broken_copies([path.read_bytes()], 700, 13)
    outcomes = tried(lambda one: read_segmentations(one, ids), copies, path, "broken batches", cases)
    assert outcomes["read"] > 10 and len(outcomes) > 1


@settings(max_examples=300)
@given(cells=st.lists(st.lists(JSON, min_size=3, max_size=3), min_size=1, max_size=3))
def test_batches_with_cells_of_any_kind(cells, quick_folder, cases) -> None:
    path = quick_folder / "batches.parquet"
    try:
        pd.DataFrame(cells, columns=["segmentation", "batch_index", "pair_id"]).to_parquet(path)
    except (ValueError, TypeError, OverflowError, NotImplementedError):  # what Parquet itself does not hold
        return
    cases["batches with cells of any kind"] += 1
    try:
        read_segmentations(path, pd.Series(IDS))
    except EcifError as error:
        said(error)


def test_broken_files_of_classes(quick_folder, cases) -> None:
    path, config = (
        quick_folder / "classes.txt",
        dataclasses.replace(SETTINGS, classes=str(quick_folder / "classes.txt")),
    )
    copies = broken_copies(["cat\ndog\nfür immer\n".encode()], 700, 14)
    outcomes = tried(lambda _: class_names(config, None), copies, path, "broken files of classes", cases)
    assert outcomes["read"] > 100 and len(outcomes) > 1


def test_broken_checks(quick_folder, cases) -> None:
    good_picture(quick_folder / "a.png")
    (quick_folder / "pairs.csv").write_text("image,caption\na.png,a cat\nnone.png,\n")
    path = quick_folder / "check.json"
    write_check(check_pairs(quick_folder / "pairs.csv"), path)
    copies = [*broken_copies([path.read_bytes()], 700, 15), b"[" * 10**5]
    outcomes = tried(read_check, copies, path, "broken checks", cases)
    assert outcomes["read"] > 10 and len(outcomes) > 1


ANSWERS = [
    {"data": {"pair_id": "a1"}, "annotations": [{"completed_by": {"email": "x@y"}, "updated_at": "2026-01-01T00:00:00Z", "lead_time": 3.5,
     "result": [{"from_name": "decision", "value": {"choices": ["drop"]}}]}]},
    {"data": {"pair_id": "b2"}, "annotations": [{"completed_by": 7, "result": [{"from_name": "decision", "value": {"choices": ["relabel"]}},
     {"from_name": "new_caption", "value": {"text": ["a fox"]}}]}]},
    {"pair_id": "=c3", "decision": "keep", "annotator": 3},
]  # fmt: skip
DECISIONS = [
    {
        "pair_id": "a1",
        "verdict": "drop",
        "annotator": "Ada",
        "decided_at": "2026-01-01T00:00:00Z",
        "seconds_spent": "2.5",
    },
    {"pair_id": "b2", "verdict": "relabel", "new_caption": "a fox", "annotator": "Ada", "suspicion": "0.5"},
    {"pair_id": "'=c3", "verdict": "", "annotator": "Bob"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DecisionStore:
    return DecisionStore.open(tmp_path_factory.mktemp("store") / "decisions.sqlite")


def imported(path: Path, store: DecisionStore, rows: int | None = None) -> None:
    """Imported once more, nothing is new; all rows are somewhere."""
    first = import_decisions(KnownPairs(), store, path, "somebody")
    all_rows = first.new + first.known + first.undecided + len(first.rejects)
    assert rows is None or all_rows == rows
    for reason in first.rejects["reason"]:
        assert reason.strip() and reason.isprintable()


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl", "d.json", "d.parquet"])
def test_broken_decisions(name, store, quick_folder, cases) -> None:
    path, table = quick_folder / name, pd.DataFrame(DECISIONS)
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(ANSWERS))
        case ".jsonl":
            table.to_json(path, orient="records", lines=True)
        case ".parquet":
            table.to_parquet(path)
        case suffix:
            table.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    copies = broken_copies([path.read_bytes()], 250, 16)
    outcomes = tried(lambda one: imported(one, store), copies, path, "broken files of decisions", cases)
    assert outcomes["read"] > 10 and len(outcomes) > 1


@settings(max_examples=250)
@given(tasks=st.lists(st.one_of(JSON, st.fixed_dictionaries({"data": JSON, "annotations": JSON}),
       st.fixed_dictionaries({"data": st.just({"pair_id": "a1"}), "annotations": st.lists(st.fixed_dictionaries(
           {"result": st.lists(st.fixed_dictionaries({"from_name": st.just("decision"), "value": JSON | st.fixed_dictionaries({"choices": JSON})}) | JSON, max_size=2) | JSON, "completed_by": JSON, "updated_at": JSON, "lead_time": JSON}), max_size=2)})), max_size=3))  # fmt: skip
def test_answers_of_label_studio_of_any_build(tasks, store, quick_folder, cases) -> None:
    path = quick_folder / "any.json"
    path.write_text(json.dumps(tasks))
    cases["answers of Label Studio of any build"] += 1
    imported(path, store)


@settings(max_examples=250)
@given(rows=st.lists(st.fixed_dictionaries({"pair_id": st.sampled_from([*IDS, "", "x"]) | JSON, "verdict": st.sampled_from(["keep", "drop", "RELABEL", "x"]) | JSON,
       "new_caption": JSON, "annotator": JSON, "decided_at": st.sampled_from(["2026-01-01", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00+14:00"]) | JSON, "seconds_spent": JSON, "run_id": JSON, "suspicion": JSON}), min_size=1, max_size=3))  # fmt: skip
def test_decisions_with_cells_of_any_kind(rows, store, quick_folder, cases) -> None:
    path = quick_folder / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cases["decisions with cells of any kind"] += 1
    imported(path, store, len(rows))


@settings(max_examples=600)
@given(text=st.text(alphabet=st.characters() | st.sampled_from("'=+-@\t\r\n\0"), max_size=30))
def test_every_cell_comes_back_from_a_spreadsheet_s_guard(text, cases) -> None:
    cases["cells guarded and unguarded"] += 1
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))


@settings(max_examples=300)
@given(ids=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("'=,\"-@;\t\r\n"), min_size=1, max_size=12).filter(lambda one: one == one.strip()), min_size=1, max_size=4))  # fmt: skip
def test_lists_of_ids_come_back_as_they_were(ids, quick_folder, cases) -> None:
    cases["lists of ids written and read"] += 1
    write_pair_ids(quick_folder / "round.csv", ids)
    assert read_pair_ids(quick_folder / "round.csv") == ids


def test_enough_was_tried(number_of_cases: int) -> None:
    assert number_of_cases >= 8_000
