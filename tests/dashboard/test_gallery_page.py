"""Where a gallery's actions go: decisions, undos and what somebody else is to review."""

import pytest

from dashboard import cache
from dashboard.components import gallery_page, review
from dashboard.components.gallery import Action
from engine.review import DecisionStore

SESSION = "abcdef0123456789"


class Queues:
    def __init__(self) -> None:
        self.added: list[tuple[object, ...]] = []

    def add(self, *what: object) -> int:
        self.added.append(what)
        return 1


def action(sequence: int, pair_id: str, verdict: str) -> Action:
    return Action(SESSION, sequence, pair_id, verdict, None, "2026-01-01T10:00:00.000+00:00", 1.0)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path) -> DecisionStore:
    opened = DecisionStore.open(tmp_path / "decisions.sqlite")
    monkeypatch.setattr(gallery_page, "store", lambda: opened)
    for module in (gallery_page, review):
        monkeypatch.setattr(module, "annotator", lambda: "ann")
    return opened


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Queues:
    found = Queues()
    monkeypatch.setattr(cache, "queue_store", lambda: found, raising=False)
    return found


def test_pairs_sent_to_review_go_to_the_queue_once_each_and_are_no_decisions(
    store: DecisionStore, queues: Queues
) -> None:
    acts = [("p1", "keep"), ("p2", "queue"), ("p3", "drop"), ("p2", "queue"), ("p4", "queue"), ("p3", "undo")]
    actions = [action(number, *one) for number, one in enumerate(acts, start=1)]
    gallery_page.store_actions(actions, "run-1", {"p1": 0.5})
    assert queues.added == [("review", ["p2", "p4"], "run-1", "ann")]
    assert store.current()[["pair_id", "verdict"]].to_numpy().tolist() == [["p1", "keep"]]
    gallery_page.store_actions(actions, "run-1", {})  # the same log again
    assert len(store.history()) == 3


def test_without_anything_to_review_the_queue_is_not_even_opened(
    store: DecisionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "queue_store", lambda: pytest.fail("opened"), raising=False)
    gallery_page.store_actions([action(1, "p1", "keep")], "run-1", {})
    gallery_page.store_answers([action(2, "card", "queue")])  # a card cannot be sent to review
    assert len(store.history()) == 1
