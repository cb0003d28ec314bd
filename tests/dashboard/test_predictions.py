"""What the pages about predictions list: mistakes, confusions, cards, and the pairs behind one prediction."""

import math

import pandas as pd
import pytest

from dashboard.predictions import (
    FREQUENT,
    MOST_CLASSES,
    changed_cards,
    confusions,
    culprits,
    listed_predictions,
    loss_in_words,
    prediction_cards,
    roles_of,
)
from engine.pairs.packs import thumbnail_name

QUERIES = pd.DataFrame(
    {
        "query_id": ["q1", "q2", "q3", "q4", "q5"],
        "kind": "classification",
        "pair_id": ["a", "b", "c", "d", "e"],
        "true_label": ["fox", "fox", "cat", "fox", "<b>cup</b>"],
        "predicted_label": ["cat", "fox", "cat", "cat", "fox"],
        "correct": pd.array([False, True, True, False, False], dtype="boolean"),
        "confidence": [0.6, 0.99, 0.5, 0.9, 0.3],
    }
)
FIRST, SECOND = (thumbnail_name(0, at, b"webp") for at in (0, 4))
PAIRS = pd.DataFrame({"thumbnail": [FIRST, None, "x", SECOND, None]}, index=list("abcde"))


def listed(show: str = "all", true=None, said=None, sure=(0, 100), order: str = "table") -> list[str]:
    return listed_predictions(QUERIES, show, true, said, sure, order)["query_id"].tolist()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["q1", "q2", "q3", "q4", "q5"]),
        ({"show": "wrong"}, ["q1", "q4", "q5"]),
        ({"order": "sure"}, ["q4", "q1", "q5", "q2", "q3"]),
        ({"order": "unsure"}, ["q5", "q3", "q1", "q4", "q2"]),
        ({"true": "fox", "said": "cat"}, ["q1", "q4"]),
        ({"true": "cat", "said": "cat"}, ["q3"]),
        ({"sure": (50, 60)}, ["q1", "q3"]),
        ({"show": "wrong", "sure": (91, 100)}, []),
    ],
)
def test_filters_and_orders_list_the_right_predictions(given: dict, expected: list[str]) -> None:
    assert listed(**given) == expected


def test_confusions_count_every_prediction_once_and_name_the_frequent_ones() -> None:
    found = confusions(QUERIES)
    names = [one["name"] for one in found["classes"]]
    counts = {(names[a], names[b]): n for a, b, n in found["counts"]}
    assert counts == {("fox", "cat"): 2, ("fox", "fox"): 1, ("cat", "cat"): 1, ("<b>cup</b>", "fox"): 1}
    assert sum(counts.values()) == len(QUERIES)
    assert [found["counts"][at][2] for at in found["frequent"]] == [2]  # made once is no habit
    assert {one["name"]: one["pictures"] for one in found["classes"]} == {"fox": 3, "cat": 1, "<b>cup</b>": 1}
    assert names[0] == "fox"  # part of all three mistakes


def test_of_many_classes_those_with_most_mistakes_are_kept() -> None:
    right = pd.DataFrame({"true_label": [f"c{i:03d}" for i in range(100)]})
    right["predicted_label"] = right["true_label"]
    wrong = pd.DataFrame({"true_label": ["c099"] * 5, "predicted_label": ["c098"] * 5})
    found = confusions(pd.concat([right, wrong]))
    names = [one["name"] for one in found["classes"]]
    assert names[:2] == ["c098", "c099"] and len(names) == MOST_CLASSES and found["num_classes"] == 100
    assert len(found["frequent"]) == 1 <= FREQUENT


def test_a_run_without_mistakes_has_no_frequent_confusion() -> None:
    found = confusions(QUERIES[QUERIES["correct"]])
    assert found["frequent"] == [] and len(found["counts"]) == 2


def test_cards_carry_text_untouched_and_only_good_addresses() -> None:
    cards = prediction_cards(QUERIES, PAIRS, "demo-1")
    assert [card["sides"][0]["url"] for card in cards][:3] == [f"/thumb/demo-1/{FIRST}", "", ""]
    assert (cards[4]["sides"][0]["text"], cards[4]["said"], cards[4]["badge"]) == ("<b>cup</b>", "fox", "30% sure")
    assert cards[1]["said"] is None and cards[1]["correct"]


def test_a_wrong_retrieval_shows_the_picked_pair_beside_the_right_one() -> None:
    row = {"query_id": "r", "kind": "retrieval", "pair_id": "a", "true_label": "a fox", "predicted_label": "a cat",
           "predicted_pair_id": "d", "correct": False, "confidence": 0.7}  # fmt: skip
    (card,) = prediction_cards(pd.DataFrame([row]), PAIRS, "demo-1")
    assert [(side["says"], side["text"]) for side in card["sides"]] == [("right", "a fox"), ("picked", "a cat")]
    assert card["sides"][1]["url"].endswith(SECOND)
    (right,) = prediction_cards(pd.DataFrame([{**row, "correct": True}]), PAIRS, "demo-1")
    assert len(right["sides"]) == 1


def test_a_changed_answer_says_what_it_was_or_is() -> None:
    def answer(label: str, correct: bool, confidence: float) -> dict:
        return {"predicted_label": label, "correct": correct, "confidence": confidence, "loss": 1.0}

    changed = [
        {"query_id": "q1", "before": answer("cat", False, 0.6), "after": answer("fox", True, 0.7)},
        {"query_id": "q2", "before": answer("fox", True, 0.99), "after": answer("cup", False, 0.4)},
    ]
    mended, broken = changed_cards(changed, QUERIES.set_index("query_id"), PAIRS, "demo-1")
    assert (mended["said"], mended["correct"], mended["badge"]) == ("cat", True, "60% → 70% sure")
    assert (broken["said"], broken["correct"]) == ("cup", False)


TRACES = pd.DataFrame(
    {
        "query_id": "q1",
        "pair_id": ["a", "b", "c", "d"],
        "influence": [-2.0, 1.0, -1.0, 3.0],
        "influence_positive": [-1.0, -0.5, 0.0, 2.0],
        "influence_negative": [-1.0, 1.5, -1.0, 1.0],
        "relative_influence": [-0.2, 0.1, -0.5, 0.3],
        "relative_influence_positive": [-0.1, -0.4, 0.0, 0.2],
        "side": ["hurts", "hurts", "hurts", "helps"],
        "rank": [1, 2, 3, 1],
    }
)
SCORES = pd.DataFrame(
    {"pair_id": list("abcd"), "caption": list("ABCD"), "label": None, "thumbnail": None, "suggested_caption": None,
     "duplicate_group": -1, "clip_score": 0.5, "suspicion": 0.1}, index=list("abcd"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("role", "hurts", "helps"),
    [("positive", ["b", "a"], ["d"]), ("negative", ["c", "a"], ["b", "d"]), ("both", ["c", "a"], ["d", "b"])],
)
def test_culprits_are_ranked_by_the_role_that_is_asked_for(role: str, hurts: list[str], helps: list[str]) -> None:
    found = {side: culprits(TRACES, SCORES, role, side) for side in ("hurts", "helps")}
    assert found["hurts"].index.tolist() == hurts and found["helps"].index.tolist() == helps
    assert found["hurts"]["rank"].tolist() == list(range(1, len(hurts) + 1))
    assert found["hurts"]["caption"].tolist() == [pair_id.upper() for pair_id in hurts]


def test_traces_of_an_earlier_version_can_be_ranked_by_both_roles_only() -> None:
    old = TRACES.drop(columns="relative_influence_positive")
    assert roles_of(old) == ["both"] and roles_of(TRACES) == ["positive", "negative", "both"]
    assert culprits(old, SCORES, "both", "hurts").index.tolist() == ["c", "a"]


def test_the_first_order_sum_is_said_with_its_sign_and_as_a_chance_only_where_it_is_one() -> None:
    words = loss_in_words(-0.5, 2.0, True, 3)
    assert "fall by about **0.50 nats**, from 2.00 to 1.50" in words
    assert f"from {math.exp(-2):.0%} to about {math.exp(-1.5):.0%}" in words
    assert "chance" not in loss_in_words(-0.5, 2.0, False, 3)
    assert "chance" not in loss_in_words(-3.0, 2.0, True, 3)  # below 0: the sum is no probability any more
    assert "rise" in loss_in_words(0.1, 2.0, True, 1)
