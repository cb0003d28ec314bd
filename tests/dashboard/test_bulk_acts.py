"""Many pairs decided at once: the plan says what will happen, and that is what happens."""

import datetime

import pandas as pd
import pytest

from dashboard.acts import Plan, done_in_words, is_recent, suggested_captions
from engine.review import DecisionStore
from engine.review.acts import Act, new_act

SCORES = pd.DataFrame(
    {
        "pair_id": list("abcd"),
        "caption": ["a red bus", "two cats", "a fox", "a tent"],
        "suggested_caption": ["a bus", "two cats", None, "a big tent"],
        "suspicion": [0.9, 0.5, float("nan"), 0.1],
    }
).set_index("pair_id", drop=False)
SUGGESTIONS = pd.DataFrame(
    {
        "pair_id": ["a", "a", "b", "c", "c"],
        "rank": [1, 2, 1, 1, 2],
        "caption": ["a red bus", "the red bus", "two cats", "a wolf", "x"],
    }
).set_index("pair_id")


def test_the_best_caption_that_is_not_the_pairs_own_is_suggested() -> None:
    assert suggested_captions(SCORES, SUGGESTIONS, "abcd") == {"a": "the red bus", "c": "a wolf", "d": "a big tent"}
    assert suggested_captions(SCORES, None, "abc") == {"a": "a bus"}
    assert suggested_captions(SCORES.drop(columns="suggested_caption"), None, "abc") == {}
    too_long = SCORES.assign(suggested_caption=["x" * 10_001, *SCORES["suggested_caption"].iloc[1:]])
    assert "a" in SCORES.index and "a" not in suggested_captions(too_long, None, "abc")


def test_the_question_names_the_count_and_the_consequences_what_happens() -> None:
    plan = Plan.of("drop", list("abc"), {})
    assert plan.question() == "Drop 3 pairs?" and Plan.of("keep", ["a"], {}).question() == "Keep 1 pair?"
    said = " ".join(plan.consequences(["b", "elsewhere"], "ana"))
    assert "3 decisions are written in the name of ana" in said
    assert "1 are decided already" in said and "One Undo takes all of it back" in said


def test_relabelling_takes_only_pairs_with_a_suggested_caption_and_says_how_many_it_leaves() -> None:
    plan = Plan.of("relabel", list("abcd"), suggested_captions(SCORES, SUGGESTIONS, "abcd"))
    assert plan.pair_ids == ("a", "c", "d") and plan.num_left == 1
    assert "1 others have no suggested caption" in " ".join(plan.consequences([], "ana"))


@pytest.mark.parametrize("verdict", ["keep", "drop", "unsure", "relabel"])
def test_an_act_stores_what_was_planned_and_is_taken_back_whole(verdict: str, tmp_path) -> None:
    plan = Plan.of(verdict, list("acd"), suggested_captions(SCORES, SUGGESTIONS, "acd"))
    store, act = DecisionStore.open(tmp_path / "d.sqlite"), new_act()
    decisions = plan.decisions(act, "ana", "run-1", SCORES["suspicion"])
    assert [one.client_key for one in decisions] == [f"{act}-0", f"{act}-1", f"{act}-2"]
    assert store.append(decisions) == 3
    rows = store.current().set_index("pair_id")
    assert set(rows["verdict"]) == {verdict} and set(rows["run_id"]) == {"run-1"}
    assert rows["suspicion"].tolist() == [0.9, None, 0.1]
    captions = ["the red bus", "a wolf", "a big tent"] if verdict == "relabel" else [None] * 3
    assert rows["new_caption"].tolist() == captions
    assert store.undo_act(act, "ana") == 3 and store.current().empty


def test_only_what_was_just_done_is_offered_for_undoing() -> None:
    act = Act("bulk-1", "drop", 1_234, "2026-01-01T10:30:00.000+00:00", "run-1")
    assert done_in_words(act) == "You dropped 1,234 pairs at once, 10:30 UTC."
    when = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    assert is_recent(act, when) and not is_recent(act, when + datetime.timedelta(days=1))
    assert not is_recent(Act("bulk-1", "drop", 1, "some day", "run-1"), when)
