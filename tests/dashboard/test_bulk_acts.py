"""Many pairs decided at once: the plan says what will happen, and that is what happens."""

import datetime
from pathlib import Path

import pandas as pd
import pytest
from ranked import ranked_tables

from dashboard import run_tables
from dashboard.acts import Plan, Scope, done_in_words, is_recent, num_suggested
from dashboard.filters import Filters
from dashboard.listing import Listed, Listing
from dashboard.run_tables import RunTables
from engine.review import DecisionStore
from engine.review.acts import Act, new_act

SCORES = pd.DataFrame(
    {
        "pair_id": list("abcd"),
        "caption": ["a red bus", "two cats", "a fox", "a tent"],
        "suggested_caption": ["a bus", "two cats", None, "a big tent"],
        "suspicion": [0.9, 0.5, float("nan"), 0.1],
        "suspicion_rank": [1, 2, 3, 4],
    }
)
SUGGESTIONS = pd.DataFrame(
    {
        "pair_id": ["a", "a", "b", "c", "c"],
        "rank": [1, 2, 1, 1, 2],
        "caption": ["a red bus", "the red bus", "two cats", "a wolf", "x"],
    }
)


@pytest.fixture
def tables(tmp_path: Path) -> RunTables:
    return ranked_tables(tmp_path / "run", SCORES, suggestions=SUGGESTIONS)


def captions(tables: RunTables, scope: Scope) -> dict[str, str]:
    plan = Plan.of("relabel", scope, num_suggested(tables, scope))
    made = [one for batch in plan.decisions(tables, "x", "ana", "run-1") for one in batch]
    assert len(made) == plan.num_pairs
    return {one.pair_id: one.new_caption for one in made}


def test_the_best_caption_that_is_not_the_pairs_own_is_suggested(tables: RunTables, tmp_path: Path) -> None:
    assert captions(tables, Scope.given("abcd")) == {"a": "the red bus", "c": "a wolf", "d": "a big tent"}
    assert captions(ranked_tables(tmp_path / "1", SCORES), Scope.given("abc")) == {"a": "a bus"}
    bare = SCORES.drop(columns="suggested_caption")
    assert captions(ranked_tables(tmp_path / "2", bare), Scope.given("abc")) == {}
    too_long = SCORES.assign(suggested_caption=["x" * 10_001, *SCORES["suggested_caption"].iloc[1:]])
    assert captions(ranked_tables(tmp_path / "3", too_long), Scope.given("abc")) == {}


def test_the_question_names_the_count_and_the_consequences_what_happens(tables: RunTables) -> None:
    plan = Plan.of("drop", Scope.given("abc"), 0)
    assert plan.question() == "Drop 3 pairs?" and Plan.of("keep", Scope.given("a"), 0).question() == "Keep 1 pair?"
    listing, now = Listing(tables), Listed(Filters("all"), "suspicion", 3)
    listing.learn(now, pd.DataFrame({"pair_id": ["b", "elsewhere"], "verdict": ["keep", "keep"]}))
    said = " ".join(plan.consequences(plan.num_again(tables, now.decided), "ana"))
    assert "3 decisions are written in the name of ana" in said
    assert "1 are decided already" in said and "One Undo takes all of it back" in said
    relabel = Plan.of("relabel", Scope.given("abc"), 2)
    assert relabel.num_again(tables, now.decided) == 0  # the one that is decided has no suggestion


def test_relabelling_takes_only_pairs_with_a_suggested_caption_and_says_how_many_it_leaves(tables: RunTables) -> None:
    scope = Scope.given("abcd")
    plan = Plan.of("relabel", scope, num_suggested(tables, scope))
    assert (plan.num_pairs, scope.count) == (3, 4)
    assert "1 others have no suggested caption" in " ".join(plan.consequences(0, "ana"))


def test_all_that_is_listed_is_decided_and_only_that(tables: RunTables) -> None:
    listing, listed = Listing(tables), Listed(Filters("open", words="a"), "loss", 7)
    listing.learn(listed, pd.DataFrame({"pair_id": ["c"], "verdict": ["keep"]}))
    scope = Scope.listed(listing, listed)
    plan = Plan.of("drop", scope, 0)
    made = [one.pair_id for batch in plan.decisions(tables, "x", "ana", "run-1") for one in batch]
    assert made == ["a", "b", "d"] and scope.count == plan.num_pairs == 3
    assert sorted(one for batch in scope.ids() for one in batch) == made


@pytest.mark.parametrize("verdict", ["keep", "drop", "unsure", "relabel"])
def test_an_act_stores_what_was_planned_and_is_taken_back_whole(
    verdict: str, tables: RunTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_tables, "ROWS_PER_BATCH", 2)
    plan = Plan.of(verdict, Scope.given("acd"), 3)
    store, act = DecisionStore.open(tmp_path / "d.sqlite"), new_act()
    batches = list(plan.decisions(tables, act, "ana", "run-1"))
    assert [one.client_key for batch in batches for one in batch] == [f"{act}-0", f"{act}-1", f"{act}-2"]
    assert [store.append(batch) for batch in batches] == [2, 1]
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
