"""What only a PostgreSQL server can show: its URL, its errors, its restart, and writers that finish out of order."""

import threading
import time

import pytest
from databases import Server, postgresql_server

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore, database
from engine.review.queues import QueueStore


def decision(pair_id: str) -> Decision:
    return Decision(pair_id=pair_id, verdict="drop", annotator="ana", decided_at="t", client_key=f"k-{pair_id}")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_plain_url_is_enough(postgresql: Server, scheme: str) -> None:
    store = DecisionStore.open(postgresql.new_database().replace("postgresql", scheme, 1))
    assert store.append([decision("a")]) == 1
    assert "a-secret" not in store.place


def test_what_postgresql_refuses_is_one_sentence_without_the_password(postgresql: Server) -> None:
    url = postgresql.new_database()
    with pytest.raises(DecisionsError, match=r"database \"db0?none\" does not exist|does not exist") as caught:
        DecisionStore.open(url.replace("/db", "/none", 1))
    assert "a-secret" not in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DecisionsError) as caught:
        DecisionStore.open("postgresql://me:a-secret@127.0.0.1:9/db")
    assert "a-secret" not in str(caught.value) and "\n" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_a_revision_never_stands_for_two_states(postgresql: Server) -> None:
    """A row may become visible after one with a higher id: here by a writer that does not take our lock."""
    store = DecisionStore.open(postgresql.new_database())
    row = {"kind": "decision", "pair_id": "slow", "verdict": "keep", "annotator": "ben", "client_key": "slow"}
    with store.engine.connect() as slow:
        slow.execute(database.TABLE.insert().values(**row))
        store.append([decision("quick")])
        before, seen = store.revision(), store.history()["pair_id"].tolist()
        slow.commit()
    assert seen == ["quick"]
    assert store.history()["pair_id"].tolist() == ["slow", "quick"]
    assert store.revision() > before


def test_writers_wait_for_each_other_and_readers_for_nobody(postgresql: Server) -> None:
    store = DecisionStore.open(postgresql.new_database())
    store.append([decision("a")])
    done: list[float] = []

    def hold(connection: object) -> None:
        other.start()
        time.sleep(0.4)
        assert store.revision() == 1  # a reader
        done.append(time.monotonic())

    def write() -> None:
        store.append([decision("b")])
        done.append(time.monotonic())

    other = threading.Thread(target=write)
    database.in_one_transaction(store.engine, hold)
    other.join()
    assert len(done) == 2 and done == sorted(done)


def test_a_lock_that_is_never_given_up_is_said(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    store = DecisionStore.open(postgresql.new_database())
    with store.engine.begin() as holder:
        holder.exec_driver_sql(f"SELECT pg_advisory_xact_lock({database.WRITE_LOCK})")
        with pytest.raises(DecisionsError, match="another program keeps it locked"):
            store.append([decision("a")])
    assert store.append([decision("a")]) == 1


def test_a_server_that_was_started_again_is_met_with_new_connections() -> None:
    with postgresql_server() as server:
        place = server.new_database()
        decisions, queues = DecisionStore.open(place), QueueStore.open(place)
        decisions.append([decision("a")])
        queues.add("review", ["a", "b"], "r", "ana")
        server.stop()
        with pytest.raises(DecisionsError, match="Check the place"):
            decisions.append([decision("b")])
        server.start()
        assert decisions.append([decision("a"), decision("b")]) == 1
        assert queues.take("review", "ana", 5) == []
