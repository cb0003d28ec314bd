"""Queues: what is handed out to whom, for how long, and never twice; on SQLite and on PostgreSQL."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import update

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore
from engine.review.queue_tables import LEASES
from engine.review.queues import Progress, QueueStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(place: str | Path) -> QueueStore:
    return QueueStore.open(place)


def names(number: int, start: int = 0) -> list[str]:
    return [f"p{index}" for index in range(start, number)]


def decide(store: QueueStore, annotator: str, *pair_ids: str) -> None:
    DecisionStore(store.engine, store.place).append(
        [
            Decision(pair_id=one, verdict="drop", annotator=annotator, decided_at="t", client_key=f"{annotator}-{one}")
            for one in pair_ids
        ]
    )


def forget_time(store: QueueStore, minutes: float) -> None:
    """What is held now was handed out that much earlier."""
    with store.engine.begin() as connection:
        connection.execute(update(LEASES).values(until=LEASES.c.until - 60 * minutes))


def test_pairs_are_put_into_a_queue_once_and_keep_their_order(store: QueueStore) -> None:
    assert store.add("review", ["b", "a", "b"], "r-1", "ana") == 2
    assert store.add("review", ["c", "a"], "r-2", "ben") == 1
    found = store.pairs("review")
    assert found["pair_id"].tolist() == ["b", "a", "c"]
    assert found["run_id"].tolist() == ["r-1", "r-1", "r-2"]
    assert found["added_by"].tolist() == ["ana", "ana", "ben"]
    assert store.queues()[["name", "pairs", "made_by"]].values.tolist() == [["review", 3, "ana"]]


def test_two_annotators_never_get_the_same_pair(store: QueueStore) -> None:
    store.add("review", names(5), "r", "ana")
    assert store.take("review", "ana", 2) == ["p0", "p1"]
    assert store.take("review", "ben", 2) == ["p2", "p3"]
    assert store.take("review", "cleo", 2) == ["p4"]
    assert store.take("review", "dora", 2) == []


def test_who_asks_again_gets_the_same_pairs_and_new_ones_for_those_decided(store: QueueStore) -> None:
    store.add("review", names(5), "r", "ana")
    assert store.take("review", "ana", 2) == store.take("review", "ana", 2) == ["p0", "p1"]
    decide(store, "ana", "p0")
    assert store.held("review", "ana") == ["p0", "p1"]
    assert store.take("review", "ana", 2) == ["p1", "p2"]
    assert store.held("review", "ana") == ["p1", "p2"]


def test_what_is_decided_anywhere_is_not_handed_out_until_that_is_taken_back(store: QueueStore) -> None:
    store.add("review", names(3), "r", "ana")
    decide(store, "ben", "p0")
    assert store.take("review", "ana", 1) == ["p1"]
    decide(store, "ben", "p1")  # while ana holds it
    assert store.take("review", "ana", 3) == ["p2"]
    DecisionStore(store.engine, store.place).undo("p0", "ben", "u")
    assert store.take("review", "ana", 3) == ["p2", "p0"]


def test_what_nobody_works_on_goes_to_others_after_a_while(store: QueueStore) -> None:
    store.add("review", names(2), "r", "ana")
    store.take("review", "ana", 2)
    forget_time(store, 29)
    assert store.take("review", "ben", 2) == []
    assert store.renew("review", "ana") == 2
    forget_time(store, 29)
    assert store.take("review", "ben", 2) == []
    forget_time(store, 2)
    assert store.held("review", "ana") == []
    assert store.take("review", "ben", 1) == ["p0"]
    assert store.renew("review", "ana") == 0
    assert store.take("review", "ana", 2) == ["p1"]


def test_the_clock_is_the_databases(store: QueueStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add("review", names(2), "r", "ana")
    store.take("review", "ana", 2)
    for clock in ("time.time", "time.time_ns"):
        monkeypatch.setattr(clock, lambda: 4e9)  # a client whose clock is decades ahead
    assert store.take("review", "ben", 2) == []
    assert len(store.held("review", "ana")) == 2


def test_what_is_given_back_goes_to_the_next(store: QueueStore) -> None:
    store.add("review", names(3), "r", "ana")
    store.take("review", "ana", 2)
    assert store.release("review", "ana") == 2
    assert store.release("review", "ana") == 0
    assert store.take("review", "ben", 2) == ["p0", "p1"]


def test_a_pair_that_needs_two_goes_to_two_and_not_to_a_third(store: QueueStore) -> None:
    store.make("shared", "ana", overlap=2)
    store.add("shared", names(2), "r", "ana")
    assert store.take("shared", "ana", 2) == store.take("shared", "ben", 2) == ["p0", "p1"]
    assert store.take("shared", "cleo", 2) == []
    decide(store, "ana", "p0")
    assert store.take("shared", "cleo", 2) == []
    assert store.progress("shared") == Progress(pairs=2, to_do=0, handed_out=2, done=0)
    assert store.shared("shared") == []
    store.release("shared", "ben")  # ana holds what she has decided, which keeps nobody from it
    assert store.progress("shared") == Progress(pairs=2, to_do=1, handed_out=1, done=0)
    assert store.take("shared", "ben", 2) == ["p0", "p1"]
    decide(store, "ben", "p0")
    assert store.shared("shared") == ["p0"]
    assert store.progress("shared") == Progress(pairs=2, to_do=0, handed_out=1, done=1)
    store.release("shared", "ben")
    assert store.take("shared", "cleo", 2) == ["p1"]


def test_a_share_of_the_pairs_goes_to_two(store: QueueStore) -> None:
    assert store.make("some", "ana", overlap=2, overlap_share=0.1)
    assert not store.make("some", "ben", overlap=3)
    store.add("some", names(1_000), "r", "ana")
    needed = Counter(store.pairs("some")["needed"])
    assert set(needed) == {1, 2} and 60 < needed[2] < 140


def test_queues_do_not_know_of_each_other(store: QueueStore) -> None:
    store.add("one", names(2), "r", "ana")
    store.add("two", names(2), "r", "ana")
    assert store.take("one", "ana", 2) == store.take("two", "ben", 2) == ["p0", "p1"]
    assert store.queues()["name"].tolist() == ["one", "two"]


def test_only_pairs_of_the_run_on_screen_are_handed_out(store: QueueStore) -> None:
    store.add("review", names(3_000), "r", "ana")
    assert store.take("review", "ana", 3, among={"p1", "p2500", "p2999"}) == ["p1", "p2500", "p2999"]
    assert store.take("review", "ben", 1, among={"p1"}) == []


def test_progress_and_who_is_at_work(store: QueueStore) -> None:
    store.add("review", names(6), "r", "ana")
    assert store.at_work("review").empty
    store.take("review", "ana", 2)
    store.take("review", "ben", 1)
    decide(store, "ana", "p0", "p5")
    assert store.progress("review") == Progress(pairs=6, to_do=2, handed_out=2, done=2)
    assert store.at_work("review")[["annotator", "open", "decided"]].values.tolist() == [["ana", 1, 1], ["ben", 1, 0]]
    assert store.at_work("review")["minutes_left"].between(29, 30).all()


def test_what_cannot_be_is_refused_and_nothing_is_stored(store: QueueStore) -> None:
    with pytest.raises(DecisionsError, match="Make the queue first"):
        store.take("none", "ana", 2)
    for wrong in ("", " x", "x" * 81, "a\0b"):
        with pytest.raises(DecisionsError, match="the name of a queue"):
            store.add(wrong, ["p"], "r", "ana")
    with pytest.raises(DecisionsError, match="a pair_id"):
        store.add("review", ["fine", "p" * 257], "r", "ana")
    with pytest.raises(DecisionsError, match="overlap of 1 to 3"):
        store.make("many", "ana", overlap=4)
    with pytest.raises(DecisionsError, match="name"):
        store.make("mine", " ")
    assert store.queues().empty


TAKER = """
import sys, time
from engine.review import Decision, DecisionStore
from engine.review.queues import QueueStore
place, name = sys.argv[1:]
queues, decisions = QueueStore.open(place), DecisionStore.open(place)
print("ready", flush=True)
sys.stdin.readline()
while taken := queues.take("review", name, 7):
    print(*taken, flush=True)
    time.sleep(0.05)  # a person takes longer; who waits for SQLite looks again only after some milliseconds
    decisions.append([
        Decision(pair_id=one, verdict="keep", annotator=name, decided_at="t", client_key=f"{name}-{one}")
        for one in taken[:5]
    ])
"""


@pytest.mark.parametrize("overlap", [1, 2])
def test_processes_that_take_at_once_share_the_queue_without_one_pair_too_often(
    store: QueueStore, place: str | Path, overlap: int
) -> None:
    store.make("review", "ana", overlap)
    store.add("review", names(120), "r", "ana")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    takers = [subprocess.Popen([sys.executable, "-c", TAKER, str(place), f"taker-{i}"], **pipes) for i in range(4)]
    for one in takers:
        one.stdout.readline()
    for one in takers:
        one.stdin.write("go\n")
        one.stdin.flush()
    handed_out = [set(one.communicate(timeout=120)[0].split()) for one in takers]
    assert [one.returncode for one in takers] == [0] * 4
    assert Counter(Counter(pair for taken in handed_out for pair in taken).values()) == {overlap: 120}
    assert sum(len(taken) > 0 for taken in handed_out) >= 2  # they did take at once
    assert store.progress("review") == Progress(pairs=120, to_do=0, handed_out=0, done=120)
