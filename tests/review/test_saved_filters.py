"""Saved filters: named links, shared by all, replaced by name."""

import threading
from pathlib import Path

import pytest

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore
from engine.review.saved_filters import SavedFilterStore


@pytest.fixture
def store(tmp_path: Path) -> SavedFilterStore:
    return SavedFilterStore.open(tmp_path / "decisions.sqlite")


def test_what_is_saved_is_there_for_others_with_who_saved_it(store: SavedFilterStore) -> None:
    assert store.save(" foxes <b> ", "label=fox&sort=clip", "ana")
    assert store.save("Cats", "label=cat", "ben")
    found = SavedFilterStore.open(store.place).all()
    assert [(one.name, one.link, one.saved_by) for one in found] == [
        ("Cats", "label=cat", "ben"),
        ("foxes <b>", "label=fox&sort=clip", "ana"),
    ]
    assert found[0].saved_at.endswith("+00:00")


def test_a_name_saved_again_stands_for_the_new_link(store: SavedFilterStore) -> None:
    assert store.save("foxes", "label=fox", "ana")
    assert not store.save("foxes", "words=fox", "ben")
    assert [(one.link, one.saved_by) for one in store.all()] == [("words=fox", "ben")]


def test_what_is_deleted_is_gone_and_only_that(store: SavedFilterStore) -> None:
    store.save("a", "show=all", "ana")
    store.save("b", "show=all", "ana")
    assert store.delete("a") and not store.delete("a")
    assert [one.name for one in store.all()] == ["b"]


@pytest.mark.parametrize(
    ("name", "link", "who", "said"),
    [
        (" ", "show=all", "ana", "1 to 80 characters"),
        ("x" * 81, "show=all", "ana", "1 to 80 characters"),
        ("a\nb", "show=all", "ana", "visible characters"),
        ("a\ud83d", "show=all", "ana", "visible characters"),
        ("a", "", "ana", "filters"),
        ("a", "x" * 10_001, "ana", "fewer labels"),
        ("a", "words=\0", "ana", "NUL"),
        ("a", "show=all", " ", "annotator's name"),
    ],
)
def test_what_makes_no_sense_is_refused_and_said(
    store: SavedFilterStore, name: str, link: str, who: str, said: str
) -> None:
    with pytest.raises(DecisionsError, match=said):
        store.save(name, link, who)
    assert store.all() == []


def test_many_that_save_the_same_name_at_once_leave_one(store: SavedFilterStore) -> None:
    threads = [threading.Thread(target=store.save, args=("foxes", f"words={n}", "ana")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all()) == 1


def test_the_decisions_beside_it_are_untouched(store: SavedFilterStore) -> None:
    decisions = DecisionStore.open(store.place)
    decisions.append([Decision(pair_id="a", verdict="drop", annotator="ana", decided_at="t", client_key="k")])
    store.save("foxes", "label=fox", "ana")
    store.delete("foxes")
    assert decisions.current()["pair_id"].tolist() == ["a"]
