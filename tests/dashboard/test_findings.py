"""What pages say about the detection: shares, precision, agreement with annotators, what a pair stands out by."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ranked import ranked_tables

from dashboard.findings import (
    Confusion,
    WrongShare,
    agreement_in_words,
    commonest_confusion,
    depth_worth_looking,
    good_to_know,
    health_in_words,
    is_defended,
    observed_by_estimate,
    precision_by_depth,
    probability_in_words,
    standing_in_words,
    start_here,
    strongest_signals,
    thinned,
    wrong_share,
)
from dashboard.wording import SIGNALS

RECORD = {
    "counts": {"train": 2000},
    "detection": {
        "is_cross_fitted": True,
        "estimated_share": 0.05,
        "estimated_share_low": 0.031,
        "estimated_share_high": 0.12,
        "found_again": {"elsewhere": 0.971, "near": 0.82},
    },
}


def decided(verdicts: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"verdict": verdicts})


def test_the_share_is_said_as_a_number_of_pairs_with_its_interval_and_reliability() -> None:
    share = wrong_share(RECORD)
    assert share.number() == "100 of 2,000"
    assert share.interval_in_words() == "5.0% · 62 to 240 pairs by chance alone"
    assert "**97** with captions from elsewhere, **82** with near misses" in share.reliability_in_words()
    assert "every fox called a cat" in share.caveat_in_words()


def test_confused_classes_are_said_to_be_counted_where_they_are() -> None:
    found = {**RECORD["detection"], "found_again": {"elsewhere": 0.97, "near": 0.8, "confused": 0.9}}
    share = wrong_share({**RECORD, "detection": found})
    assert "**97** with captions from elsewhere, **90** with captions of a class" in share.reliability_in_words()
    assert "every fox" not in share.caveat_in_words() and "at least" in share.caveat_in_words()
    assert wrong_share({**RECORD, "detection": {**found, "found_again": {}}}).reliability_in_words() == ""


def test_health_and_copies_are_good_to_know_where_the_run_says_so() -> None:
    record = {"metrics": {"validation_loss": 0.5}, "notes": ["A note."], "health": {"words": {"gap": "That is usual."}}}
    known = good_to_know(record, 4, 2)
    assert known[1:] == ["A note.", "4 training pairs share a picture with another one (2 groups).", "That is usual."]
    del record["health"]
    assert good_to_know(record, 0, 0) == known[:2]


@pytest.mark.parametrize("record", [{}, {"detection": {"is_cross_fitted": False}}])
def test_a_run_without_cross_fitting_has_no_share(record: dict) -> None:
    assert wrong_share(record) is None


def test_precision_is_the_mean_probability_of_the_most_suspect() -> None:
    signals = pd.DataFrame({"p_wrong": [0.0, 1.0, 0.5, 0.0], "suspicion_rank": [4, 1, 2, 3]})
    precision = precision_by_depth(signals)
    np.testing.assert_allclose(precision["precision"], [1.0, 0.75, 0.5, 0.375])
    assert depth_worth_looking(precision) == 3
    assert depth_worth_looking(precision_by_depth(signals.assign(p_wrong=0.4))) == 0


def test_the_curve_keeps_its_ends_and_few_points_between() -> None:
    signals = pd.DataFrame({"p_wrong": np.linspace(1, 0, 50_000), "suspicion_rank": np.arange(1, 50_001)})
    precision = precision_by_depth(signals)
    drawn = thinned(precision, 10_000)
    assert len(drawn) == 200
    assert (drawn["depth"].iloc[0], drawn["depth"].iloc[-1]) == (1, 30_000)
    assert thinned(precision, 0)["depth"].max() == 50


def test_what_annotators_found_stands_beside_the_estimate_of_the_same_pairs() -> None:
    p_wrong = pd.Series({"a": 0.95, "b": 0.97, "c": 0.02, "d": 0.04, "e": 0.6, "unseen": 0.5})
    verdicts = {"a": "drop", "b": "relabel", "c": "keep", "d": "drop", "e": "unsure", "elsewhere": "drop"}
    observed = observed_by_estimate(p_wrong, decided(verdicts))
    assert observed[["low", "wrong", "decided"]].to_numpy().tolist() == [[0.0, 1, 2], [0.9, 2, 2]]
    np.testing.assert_allclose(observed["estimated"], [0.03, 0.96])
    assert (observed["observed_low"] <= observed["observed"]).all()
    assert (observed["observed_high"] >= observed["observed"]).all()
    assert observed["observed_low"].iloc[1] == pytest.approx(0.05**0.5)  # Clopper and Pearson, 2 of 2
    assert observed_by_estimate(p_wrong, decided({"e": "unsure"})).empty


@pytest.mark.parametrize(("num_wrong", "says"), [(15, "holds so far"), (30, "counts too few"), (0, "counts too many")])
def test_the_estimate_is_called_off_only_when_the_decisions_say_so(num_wrong: int, says: str) -> None:
    p_wrong = pd.Series(0.5, index=[f"p{number}" for number in range(30)])
    verdicts = {name: "drop" if number < num_wrong else "keep" for number, name in enumerate(p_wrong.index)}
    words = agreement_in_words(observed_by_estimate(p_wrong, decided(verdicts)))
    assert says in words and ("Look at next" in words) == ("holds" not in says)


def test_a_pair_stands_out_by_the_signals_in_which_it_is_extreme_in_the_suspicious_direction(tmp_path: Path) -> None:
    signals = pd.DataFrame(
        {
            "similarity": [0.1, 0.5, 0.6, 0.7],  # low is suspicious: the first stands out
            "lemon_image": [0.1, 0.5, 0.6, 0.7],  # high is: it does not
            "caption_loss": [2.0, 1.0, 3.0, 0.0],
            "caption_association_loss": [9.0, 1.0, 3.0, 0.0],  # the same words as the one before
            "label_quality": [np.nan, 0.5, 0.5, 0.5],
            "pair_id": ["a", "b", "c", "d"],
            "suspicion_rank": [1, 2, 3, 4],
        }
    )
    tables = ranked_tables(tmp_path, signals)
    found = strongest_signals(tables, signals.iloc[0])
    assert {one.words: one.percentile for one in found} == {
        SIGNALS["similarity"][0]: 0.75,
        SIGNALS["caption_loss"][0]: 0.75,
    }
    assert strongest_signals(tables, signals.iloc[3])[0].words == SIGNALS["lemon_image"][0]
    assert standing_in_words(found[0]).endswith("**in the top 25% of pairs**")


def test_the_words_of_signals_point_the_way_the_engine_does() -> None:
    from engine.crossfit.combine import SIGNS

    assert {name: sign for name, (_, sign) in SIGNALS.items()} == {name: SIGNS[name] for name in SIGNALS}
    assert len(SIGNALS) > 10


def test_a_pair_is_defended_where_only_the_model_that_learned_it_needs_it() -> None:
    scores = pd.DataFrame({"influence": [1.0, 1.0], "unseen_influence": [-1.0, 1.0]})
    assert [is_defended(row) for _, row in scores.iterrows()] == [True, False]
    assert not is_defended(scores.drop(columns="unseen_influence").iloc[0])


def test_nothing_estimated_is_called_certain() -> None:
    assert [probability_in_words(p) for p in (0.0, 0.25, 1.0)] == ["below 1 %", "25%", "above 99 %"]


FOX = Confusion("fox", "cat", 9, 30, "q3")
SHARE = WrongShare(0.05, 0.04, 0.06, 1000, {})


def wrong_names(counts: dict[tuple[str, str], int]) -> pd.DataFrame:
    rows = [(true, said, number) for (true, said), many in counts.items() for number in range(many)]
    table = pd.DataFrame(rows, columns=["true_label", "predicted_label", "confidence"])
    return table.assign(kind="classification", query_id=[f"q{place}" for place in range(len(table))])


def test_the_commonest_confusion_is_the_one_with_most_mistakes_and_points_to_the_surest() -> None:
    wrong = wrong_names({("dog", "cat"): 2, ("fox", "cat"): 4, ("cat", "fox"): 3})
    wrong.loc[len(wrong)] = ["x", "y", 1.0, "retrieval", "r"]
    assert commonest_confusion(wrong) == Confusion("fox", "cat", 4, 9, "q5")
    assert commonest_confusion(wrong_names({("dog", "cat"): 2})) is None
    assert commonest_confusion(wrong.head(0)) is None


def test_health_is_read_in_sentences_with_and_without_classes_and_estimates() -> None:
    record = {"metrics": {"zero_shot_accuracy": 0.793, "retrieval_recall_at_1": 0.94}}
    assert health_in_words(record, SHARE, FOX) == [
        "About 5.0% of the captions look wrong: 50 of 1,000.",
        "The model names 79% of the test pictures right.",
        "Its commonest mistake: fox taken for cat (9 of 30 wrong names).",
    ]
    record["metrics"]["zero_shot_accuracy"] = None
    assert health_in_words(record, None, None) == [
        "How many captions are wrong could not be estimated for this run.",
        "The model finds the caption of 94% of the pictures.",
    ]
    none_wrong = WrongShare(0.0001, 0.0, 0.001, 1000, {})
    assert health_in_words(record, none_wrong, None)[0] == "Hardly any caption looks wrong."


@pytest.mark.parametrize(
    ("share", "confusion", "decided", "changes", "page", "params"),
    [
        (SHARE, FOX, 0, 0, "suspicious", {"look": "Look at next"}),
        (None, FOX, 0, 0, "suspicious", {}),  # nothing to learn from
        (SHARE, FOX, 12, 5, "trace_back", {"query": "q3"}),
        (SHARE, None, 12, 5, "suspicious", {"look": "Look at next"}),
        (SHARE, FOX, 40, 20, "decisions", {}),  # half of the 40 that are surely wrong
        (SHARE, FOX, 1000, 0, "decisions", {}),  # nothing is left to look at
        (None, None, 3, 1, "decisions", {}),
    ],
)
def test_there_is_one_thing_to_do_now(share, confusion, decided, changes, page, params) -> None:
    start = start_here(share, confusion, decided, changes, 1000)
    assert (start.page, start.params) == (page, params)
    assert start.label and start.why.endswith(".")
