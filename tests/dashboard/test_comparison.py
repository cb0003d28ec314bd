"""Two rankings side by side, against plain sorting and counting."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.comparison import (
    Comparison,
    agreement_in_words,
    flagged,
    metric_rows,
    moved,
    option_rows,
    rank_both,
    rankings_of,
    suspects,
    suspects_elsewhere,
    thinned,
)
from dashboard.run_tables import RunTables
from engine.config import RunConfig
from engine.run_checks import TEXTS
from engine.runs import COLUMNS, RunFolder, write_table


def compare(a: pd.Series, b: pd.Series, **flags: float) -> Comparison:
    return flagged(rank_both(a, b), **flags)


def ids(found: Comparison, region: str) -> list[str]:
    return found.pairs(region).index.tolist()


def two_rankings(num_pairs: int = 300) -> tuple[pd.Series, pd.Series]:
    """Values that agree in part; each side has pairs of its own."""
    generator = np.random.default_rng(0)
    a = pd.Series(generator.normal(size=num_pairs), index=[f"p{number:04}" for number in range(num_pairs)])
    b = (a + generator.normal(size=num_pairs)).iloc[40:].sample(frac=1, random_state=1)
    b["of b"] = 9.0
    return a, b


def test_flags_ranks_and_counts_are_those_of_sorting_the_shared_pairs() -> None:
    a, b = two_rankings()
    found = compare(a, b, top=25)
    shared = set(a.index) & set(b.index)
    by_a = sorted(shared, key=lambda one: -a[one])
    by_b = sorted(shared, key=lambda one: -b[one])
    assert ids(found, "a") == [one for one in by_a[:25] if one not in by_b[:25]]
    assert ids(found, "b") == [one for one in by_b[:25] if one not in by_a[:25]]
    assert set(ids(found, "both")) == set(by_a[:25]) & set(by_b[:25])
    worse = [max(by_a.index(one), by_b.index(one)) for one in ids(found, "both")]
    assert worse == sorted(worse) and len(worse) > 3
    assert (found.only_in_a, found.only_in_b) == (40, 1)
    assert sum(found.counts().values()) == len(shared) == 260
    order = sorted(shared)
    ranks_a, ranks_b = ([own.index(one) for one in order] for own in (by_a, by_b))
    assert found.spearman == pytest.approx(np.corrcoef(ranks_a, ranks_b)[0, 1])
    assert 0.3 < found.spearman < 0.95


def test_a_threshold_flags_by_value_and_not_by_rank() -> None:
    a, b = pd.Series({"x": 0.9, "y": 0.5, "z": 0.1}), pd.Series({"x": 0.4, "y": 0.6, "z": 0.2})
    found = compare(a, b, threshold=0.5)
    assert (ids(found, "a"), ids(found, "both"), ids(found, "b")) == (["x"], ["y"], [])


def test_the_order_of_the_tables_changes_nothing_even_with_ties() -> None:
    a = pd.Series(1.0, index=list("dcba"))
    b = pd.Series({"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
    found, again = compare(a, b, top=2), compare(a[::-1], b[::-1], top=2)
    pd.testing.assert_frame_equal(found.ranks, again.ranks)
    assert found.counts() == {"a": 2, "both": 0, "b": 2, "neither": 0}
    assert np.isnan(found.spearman)


def a_run(folder: Path, **columns: list) -> RunTables:
    """The tables of a run that has nothing but a ranked table."""
    folder.mkdir()
    values = {name: "" if name in TEXTS else np.nan for name in COLUMNS["ranked"]} | columns
    table = pd.DataFrame(values).assign(place=range(1, 1 + len(columns["pair_id"])))
    write_table(folder / "ranked.parquet", table)
    return RunTables.open(RunFolder(folder))


def test_rankings_put_the_suspect_pairs_first(tmp_path: Path) -> None:
    tables = a_run(tmp_path / "a", pair_id=["x", "y"], suspicion=[0.1, 0.9], influence=[-1.0, 2.0],
                   clip_score=[np.nan, 0.2], lemon=[np.nan, np.nan])  # fmt: skip
    assert set(rankings_of(tables)) == {"suspicion", "influence", "clip_score"}
    assert suspects(tables, "suspicion").idxmax() == 2
    assert suspects(tables, "influence", "pair_id").idxmax() == "x"  # the one that hurts
    assert suspects(tables, "clip_score", "pair_id").to_dict() == {"y": -0.2}


def test_another_run_is_matched_by_pair_and_its_own_pairs_are_counted(tmp_path: Path) -> None:
    tables = a_run(tmp_path / "a", pair_id=["x", "y", "z"], suspicion=[0.9, 0.5, 0.1])
    other = a_run(tmp_path / "b", pair_id=["z", "new", "x"], suspicion=[0.8, 0.7, 0.2])
    for _ in range(2):  # the second time it is kept
        found, number = suspects_elsewhere(tables, other, "suspicion")
        assert found.to_dict() == {3: 0.8, 1: 0.2} and number == 3
    both = rank_both(suspects(tables, "suspicion"), found, number)
    assert (both.only_in_a, both.only_in_b, both.spearman) == (1, 1, pytest.approx(-1))


def test_what_is_drawn_is_few_and_keeps_the_flagged_pairs() -> None:
    generator = np.random.default_rng(0)
    index = [f"p{number:06}" for number in range(20_000)]
    a, b = (pd.Series(generator.normal(size=20_000), index=index) for _ in range(2))
    found = compare(a, b, top=100)
    drawn = thinned(found.ranks)
    assert len(drawn) == 5_000 and drawn.index.is_unique
    assert set(ids(found, "a")) | set(ids(found, "both")) | set(ids(found, "b")) <= set(drawn.index)
    assert drawn["rank_a"].max() == found.ranks.loc[found.ranks["region"] == "neither", "rank_a"].max()
    many = thinned(compare(a, b, top=9_000).ranks)
    assert len(many) == 5_000 and (many["region"] != "neither").all()


def test_decided_pairs_that_changed_sign_are_found_with_both_values() -> None:
    a = pd.DataFrame({"caption": ["1", "2", "3", "4"], "influence": [-2.0, 1.0, 1.0, np.nan]}, index=list("wxyz"))
    b = pd.DataFrame({"caption": ["1", "two", "3", "4"], "influence": [1.0, 2.0, -5.0, 1.0]}, index=list("wxyz"))
    decisions = pd.DataFrame({"verdict": ["keep", "relabel", "drop", "keep"]}, index=["w", "x", "z", "gone"])
    found = moved(a, b, "influence", decisions)
    assert found.index.tolist() == ["w", "x"]  # y is not decided, z has no value in A
    assert found["changed_sign"].tolist() == [True, False]
    assert found["change"].tolist() == [3.0, 1.0]
    assert found.loc["x", ["caption", "verdict", "a", "b"]].tolist() == ["two", "relabel", 1.0, 2.0]


def test_only_figures_that_exist_and_only_options_that_differ_are_listed() -> None:
    record = {"counts": {"train": 1000}, "metrics": {"zero_shot_accuracy": None, "validation_loss": 0.25}}
    cleaned = {"counts": {"train": 900}, "metrics": {"zero_shot_accuracy": 0.5, "validation_loss": 0.125}}
    rows = metric_rows(record, cleaned).to_numpy().tolist()
    assert rows == [
        ["Training pairs", "1,000", "900"],
        ["Test pictures named right", "–", "50.0%"],
        ["Validation loss [nats per pair]", "0.250", "0.125"],
    ]
    a = RunConfig(pairs="a.csv", model="m", name="one", out="here")
    b = dataclasses.replace(a, pairs="b.csv", name="two", out="there", damping=0.5)
    assert option_rows(a, b).to_numpy().tolist() == [["pairs", "a.csv", "b.csv"], ["damping", "default", "0.5"]]
    assert option_rows(a, dataclasses.replace(a, name="x")).empty


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "nearly the same** (Spearman 1.00)"),
        ([1, 2, 3, 4], [4, 3, 2, 1], "opposed** (Spearman -1.00)"),
        ([1, 2, 3, 4], [1, 1, 1, 1], "flagged by both."),
        ([], [], "no pair in common"),
    ],
)
def test_agreement_is_said_in_words(a: list[float], b: list[float], says: str) -> None:
    found = compare(pd.Series(a, dtype=float), pd.Series(b, dtype=float), top=1)
    assert isinstance(found, Comparison) and says in agreement_in_words(found)
