"""Many pairs decided at once are taken back at once, and nothing else is."""

import threading
from pathlib import Path

import pytest

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore
from engine.review.acts import last_act, new_act


def decision(pair_id: str, key: str, verdict: str = "drop", annotator: str = "ana") -> Decision:
    return Decision(
        pair_id=pair_id, verdict=verdict, annotator=annotator, decided_at="2026-01-01T00:00", client_key=key
    )


def act_of(store: DecisionStore, pairs: str, verdict: str = "drop", annotator: str = "ana") -> str:
    act = new_act()
    store.append([decision(pair, f"{act}-{number}", verdict, annotator) for number, pair in enumerate(pairs)])
    return act


@pytest.fixture
def store(tmp_path: Path) -> DecisionStore:
    return DecisionStore.open(tmp_path / "decisions.sqlite")


def standing(store: DecisionStore) -> dict[str, str]:
    return store.current().set_index("pair_id")["verdict"].to_dict()


def test_an_act_is_taken_back_whole_and_what_stood_before_stands_again(store: DecisionStore) -> None:
    store.append([decision("a", "single", "keep")])
    act = act_of(store, "abc")
    before = store.history()
    assert store.undo_act(act, "ana") == 3
    assert standing(store) == {"a": "keep"}
    assert store.history().head(4).equals(before)  # by appending
    assert store.history()["kind"].tolist() == ["decision"] * 4 + ["undo"] * 3
    assert store.history()["decided_at"].notna().all()


def test_an_act_taken_back_twice_is_taken_back_once(store: DecisionStore) -> None:
    act = act_of(store, "ab")
    assert [store.undo_act(act, "ana") for _ in range(3)] == [2, 0, 0]
    assert len(store.history()) == 4


def test_only_the_own_act_is_taken_back_and_nothing_that_was_decided_later(store: DecisionStore) -> None:
    act, other = act_of(store, "abcd"), act_of(store, "e")
    act_of(store, "a", "keep", annotator="ben")
    store.append([decision("b", "later", "unsure")])
    assert store.undo("c", "ana", "u")
    assert store.undo_act(act, "ben") == 0
    assert store.undo_act(act[:-1], "ana") == 0 and store.undo_act(act.upper(), "ana") == 0
    assert store.undo_act("bulk", "ben") == 1  # a name is a beginning up to a hyphen: all acts of this kind, own only
    assert store.undo_act(act, "ana") == 3
    assert standing(store) == {"e": "drop", "b": "unsure"}
    assert store.undo_act(other, "ana") == 1


def test_signs_that_mean_something_in_a_pattern_mean_themselves(store: DecisionStore) -> None:
    store.append([decision("a", "x_y-1"), decision("b", "xzy-1"), decision("c", "x%-1")])
    assert store.undo_act("x_y", "ana") == 1
    assert store.undo_act("x%", "ana") == 1
    assert standing(store) == {"b": "drop"}
    with pytest.raises(DecisionsError, match="name of an act"):
        store.undo_act("", "ana")


def test_threads_that_take_back_one_act_take_it_back_once_in_all(store: DecisionStore) -> None:
    act, done = act_of(store, [f"p{number}" for number in range(300)]), []
    threads = [threading.Thread(target=lambda: done.append(store.undo_act(act, "ana"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0] * 5 + [300]
    assert store.history()["undone_id"].dropna().is_unique and standing(store) == {}


def test_the_last_act_is_found_in_the_store_until_it_is_taken_back(store: DecisionStore) -> None:
    assert last_act(store, "ana") is None
    first, second = act_of(store, "abc", "keep"), act_of(store, "de")
    act_of(store, "f", annotator="ben")
    store.append([decision("g", "session-1"), decision("h", "session-1-2")])
    assert store.undo("d", "ana", "u")
    found = last_act(DecisionStore.open(store.place), "ana")
    assert (found.name, found.verdict, found.num_pairs) == (second, "drop", 1)
    store.undo_act(second, "ana")
    assert last_act(store, "ana").name == first and last_act(store, "ana").num_pairs == 3
    store.undo_act(first, "ana")
    assert last_act(store, "ana") is None and last_act(store, "ben") is not None
