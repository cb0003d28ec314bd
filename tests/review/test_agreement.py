"""Agreement between annotators, against published worked examples and a slow recomputation."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from engine.review import VERDICTS, Decision, DecisionStore
from engine.review import agreement as agreement_module
from engine.review.agreement import agreement, between_two, consensus, disagreements


def votes(**answers: str) -> pd.DataFrame:
    """One annotator per argument; a letter for each pair (k d r u), a dot where they did not decide."""
    words = {word[0]: word for word in VERDICTS}
    rows = [
        (f"p{at}", name, words[letter], "a cat" if letter == "r" else None)
        for name, text in answers.items()
        for at, letter in enumerate(text)
        if letter != "."
    ]
    return pd.DataFrame(rows, columns=["pair_id", "annotator", "verdict", "new_caption"])


def test_alpha_of_two_observers_is_that_of_krippendorffs_example() -> None:
    """Krippendorff 2011, part B: two observers, twelve units, five values."""
    assert _alpha_of("aabbdcccedda", "babbbccceddd") == pytest.approx(0.692, abs=5e-4)


def test_alpha_with_missing_answers_is_that_of_krippendorffs_example() -> None:
    """Krippendorff 2011, part C: four observers, twelve units, five values, a dot where one did not answer."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    assert _alpha_of(*observers) == pytest.approx(0.743, abs=5e-4)


def _alpha_of(*observers: str) -> float:
    """Alpha for values other than verdicts, by the module's own arithmetic."""
    values = sorted(set("".join(observers)) - {"."})
    units = range(max(map(len, observers)))
    answers = [[text[unit] for text in observers if unit < len(text)] for unit in units]
    counts = np.array([[own.count(value) for value in values] for own in answers], dtype=float)
    counts = counts[counts.sum(axis=1) > 1]
    return agreement_module._measures(counts, np.ones(len(counts)))[1]


def test_agreement_counts_only_pairs_that_two_decided() -> None:
    found = agreement(votes(ana="kkdr", ben="kdd.", cleo="...."))
    assert (found.pairs, found.annotators) == (3, ("ana", "ben"))
    assert found.same == pytest.approx(2 / 3)
    assert found.same_low <= found.same <= found.same_high and found.same_low < found.same_high
    assert found.alpha_low <= found.alpha <= found.alpha_high
    assert agreement(votes(ana="kkdr")) is None
    assert agreement(votes()) is None


def test_of_three_annotators_every_two_count() -> None:
    assert agreement(votes(ana="k", ben="k", cleo="d")).same == pytest.approx(1 / 3)
    assert agreement(votes(ana="k", ben="k", cleo="k")).same == 1


def test_where_all_give_one_verdict_chance_cannot_be_told_from_agreement() -> None:
    found = agreement(votes(ana="kkk", ben="kkk"))
    assert found.same == 1 and np.isnan(found.alpha) and np.isnan(found.alpha_low)
    assert np.isnan(between_two(votes(ana="kkk", ben="kkk"))["kappa"]).all()


def test_answers_by_lot_agree_no_better_than_chance_and_the_interval_says_so() -> None:
    numbers = np.random.default_rng(1)
    lots = {name: "".join(numbers.choice(list("kdru"), 300)) for name in ("ana", "ben")}
    found = agreement(votes(**lots))
    assert found.alpha_low < 0 < found.alpha_high
    assert agreement(votes(ana=lots["ana"], ben=lots["ana"])).alpha == 1


def test_kappa_between_every_two() -> None:
    given = {"ana": "kkdrkd", "ben": "kddrk.", "cleo": ".....d"}
    table = between_two(votes(**given))
    assert table[["annotator", "other", "pairs"]].values.tolist() == [["ana", "ben", 5], ["ana", "cleo", 1]]
    assert table["kappa"][0] == pytest.approx(cohen_kappa_score(list("kkdrk"), list("kddrk")))
    assert table["same"][0] == pytest.approx(0.8)


def test_more_than_half_make_a_consensus_and_ties_stay_open() -> None:
    table = consensus(votes(ana="kkdr", ben="kdkr", cleo="k.r."))
    assert table["verdict"].tolist() == ["keep", None, None, "relabel"]
    assert table["num_annotators"].tolist() == [3, 2, 3, 2]
    assert table["num_agreeing"].tolist() == [3, 1, 1, 2]
    assert table.at["p3", "new_caption"] == "a cat" and table.at["p0", "new_caption"] is None


def test_of_several_new_captions_the_most_frequent_is_taken_and_of_equals_the_latest() -> None:
    rows = [("p", "ana", "a dog"), ("p", "ben", "a cat"), ("q", "ana", "a dog"), ("q", "ben", "a dog"), ("q", "c", "x")]
    table = pd.DataFrame(rows, columns=["pair_id", "annotator", "new_caption"]).assign(verdict="relabel")
    assert consensus(table)["new_caption"].tolist() == ["a cat", "a dog"]


def test_disagreements_are_listed_with_every_vote() -> None:
    table = disagreements(votes(ana="kkdk", ben="kdkr", cleo="...r"))
    assert set(table.index) == {"p1", "p2", "p3"}
    assert table.at["p1", "votes"] == {"ana": "keep", "ben": "drop"}
    assert table.at["p3", "verdict"] == "relabel" and table.at["p1", "verdict"] is None
    assert disagreements(votes(ana="kk", ben="kk")).empty


def test_one_vote_is_what_an_annotator_said_last_and_did_not_take_back(place: str | Path) -> None:
    store = DecisionStore.open(place)
    given = [
        ("a", "ana", "drop"),
        ("a", "ben", "keep"),
        ("a", "ana", "keep"),
        ("b", "ana", "drop"),
        ("a", "ben", "drop"),
    ]
    store.append(
        [
            Decision(pair_id=pair, annotator=who, verdict=verdict, decided_at="t", client_key=f"k{number}")
            for number, (pair, who, verdict) in enumerate(given)
        ]
    )
    store.undo("a", "ben", "u")
    found = store.by_annotator()
    assert found[["pair_id", "annotator", "verdict"]].values.tolist() == [
        ["a", "ben", "keep"],
        ["a", "ana", "keep"],
        ["b", "ana", "drop"],
    ]
    assert store.by_annotator("ana")["pair_id"].tolist() == ["a", "b"]
    assert store.by_annotator("ana", ["b", "c"])["pair_id"].tolist() == ["b"]
    assert store.by_annotator(pair_ids=["a"])["annotator"].tolist() == ["ben", "ana"]
    assert agreement(found).same == 1


def test_alpha_equals_its_definition_over_all_pairs_of_votes() -> None:
    numbers = np.random.default_rng(0)
    given = votes(**{name: "".join(numbers.choice(list("kdru."), 40)) for name in ("ana", "ben", "cleo")})
    by_pair = [own["verdict"].tolist() for _, own in given.groupby("pair_id") if len(own) > 1]
    differ = [np.mean([a != b for a, b in itertools.permutations(own, 2)]) for own in by_pair]
    weights = [len(own) for own in by_pair]
    everyone = [verdict for own in by_pair for verdict in own]
    by_chance = np.mean([a != b for a, b in itertools.permutations(everyone, 2)])
    assert agreement(given).alpha == pytest.approx(1 - np.average(differ, weights=weights) / by_chance)
