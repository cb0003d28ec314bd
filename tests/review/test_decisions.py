"""The store of decisions: append-only, idempotent, durable, safe for several writers."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore, database
from engine.review.queues import QueueStore

ROOT = Path(__file__).resolve().parents[2]


def decision(pair_id: str, verdict: str = "drop", key: str | None = None, **values: object) -> Decision:
    given = {
        "annotator": "ana",
        "decided_at": "2026-01-01T00:00:00.000Z",
        "client_key": key or f"k-{pair_id}-{verdict}",
    }
    caption = {"new_caption": "a red bus"} if verdict == "relabel" else {}
    return Decision(pair_id=pair_id, verdict=verdict, **{**given, **caption, **values})


@pytest.fixture
def store(place: str | Path) -> DecisionStore:
    return DecisionStore.open(place)


@pytest.fixture
def sqlite(tmp_path: Path) -> DecisionStore:
    return DecisionStore.open(tmp_path / "decisions.sqlite")


def standing(store: DecisionStore) -> dict[str, str]:
    return store.current().set_index("pair_id")["verdict"].to_dict()


def test_the_latest_decision_on_a_pair_stands_and_all_are_kept(store: DecisionStore) -> None:
    assert store.append([decision("a", "drop"), decision("b", "keep"), decision("a", "relabel")]) == 3
    assert standing(store) == {"a": "relabel", "b": "keep"}
    assert store.current().set_index("pair_id").loc["a", "new_caption"] == "a red bus"
    assert store.history("a")["verdict"].tolist() == ["drop", "relabel"]
    assert store.revision() == 3


def test_a_decision_sent_twice_is_stored_once(store: DecisionStore) -> None:
    first = decision("a", "drop")
    assert store.append([first, first]) == 1
    assert store.append([first, decision("b", "keep")]) == 1
    assert len(store.history()) == 2


def test_undo_brings_back_the_decision_before_and_is_itself_idempotent(store: DecisionStore) -> None:
    store.append([decision("a", "drop"), decision("a", "keep")])
    assert store.undo("a", "ana", "u1") and store.undo("a", "ana", "u1")
    assert standing(store) == {"a": "drop"}
    assert store.undo("a", "ana", "u2")
    assert standing(store) == {}
    assert not store.undo("a", "ana", "u3")
    assert store.history("a")["kind"].tolist() == ["decision", "decision", "undo", "undo"]


def test_an_undo_that_found_nothing_takes_nothing_back_when_it_comes_again(store: DecisionStore) -> None:
    assert not store.undo("a", "ana", "u1")
    store.append([decision("a", "drop")])
    assert not store.undo("a", "ana", "u1")
    assert standing(store) == {"a": "drop"}
    assert store.history()["kind"].tolist() == ["decision"]
    assert store.undo("a", "ana", "u2") and standing(store) == {}


def test_a_log_that_comes_again_under_another_name_changes_nothing(store: DecisionStore) -> None:
    store.append([decision("a", "drop", annotator="ben", key="of-ben")])
    for name in ("ana", "ben"):
        store.append([decision("a", "keep", annotator=name, key="s-1")])
        assert store.undo("a", name, "s-2")
    assert store.current()[["annotator", "verdict"]].values.tolist() == [["ben", "drop"]]


def test_nobody_undoes_what_another_person_decided(store: DecisionStore) -> None:
    store.append([decision("a", "drop", annotator="ben")])
    assert not store.undo("a", "ana", "u1")
    assert standing(store) == {"a": "drop"}


def test_rows_are_never_changed_or_deleted(store: DecisionStore) -> None:
    store.append([decision("a", "drop"), decision("b", "unsure")])
    before = store.history()
    store.undo("a", "ana", "u1")
    store.append([decision("b", "keep")])
    assert store.history().head(2).equals(before)
    assert store.history()["id"].is_monotonic_increasing


def test_decisions_survive_a_restart(store: DecisionStore, place: str | Path) -> None:
    store.append([decision("a", "relabel", seconds_spent=2.5, run_id="r-1", suspicion=0.9)])
    store.engine.dispose()
    again = DecisionStore.open(place)
    row = again.history().iloc[0]
    assert (row["seconds_spent"], row["run_id"], row["suspicion"]) == (2.5, "r-1", 0.9)
    assert standing(DecisionStore.open(place if "://" in str(place) else f"sqlite:///{place}")) == {"a": "relabel"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "maybe"},
        {"verdict": "relabel", "new_caption": "  "},
        {"verdict": "keep", "new_caption": "a cat"},
        {"verdict": "relabel", "new_caption": "x" * 10_001},
        {"annotator": " "},
        {"annotator": "a" * 201},
        {"pair_id": ""},
        {"verdict": "relabel", "new_caption": "half a \ud83d"},
        {"verdict": "relabel", "new_caption": "a \0 cat"},
        {"annotator": "a\0"},
        {"pair_id": "a\0"},
        {"pair_id": "p" * 257},
        {"run_id": "r" * 257},
        {"client_key": "k" * 129},
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_when_built(wrong: dict[str, str]) -> None:
    with pytest.raises(DecisionsError, match="Expected"):
        decision(**{"pair_id": "a", "verdict": "drop", **wrong})


def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    path.write_text("these are my notes, not a database, and they are rather long\n" * 50)
    with pytest.raises(DecisionsError, match=r"decisions\.sqlite"):
        DecisionStore.open(path)
    assert path.read_text().startswith("these are my notes")


def test_tables_of_another_version_are_said_and_left_alone(place: str | Path) -> None:
    store = QueueStore.open(place)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE review_leases DROP COLUMN until")
        connection.exec_driver_sql("ALTER TABLE decisions DROP COLUMN suspicion")
        connection.exec_driver_sql("ALTER TABLE decisions DROP COLUMN run_id")
    for opened in (DecisionStore, QueueStore):
        with pytest.raises(DecisionsError, match=r"table decisions .* got one without run_id, suspicion.* --decisions"):
            opened.open(place)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE decisions ADD COLUMN suspicion REAL")
        connection.exec_driver_sql("ALTER TABLE decisions ADD COLUMN run_id TEXT")
    assert DecisionStore.open(place).current().empty
    with pytest.raises(DecisionsError, match=r"table review_leases .* got one without until"):
        QueueStore.open(place)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DecisionsError, match="--decisions"):
        DecisionStore.open(tmp_path / "file" / "decisions.sqlite")
    with pytest.raises(DecisionsError):
        DecisionStore.open("nosuchdatabase://somewhere/x")


@pytest.mark.parametrize(
    "url",
    [
        "nosuchdatabase://me:secret@somewhere/x",
        "nosuchdatabase://me:very@secret@somewhere/x",
        "nosuchdatabase://somewhere/x?user=me&password=secret",
        "postgresql://me:pass:secret/word@somewhere:port/x",
    ],
)
def test_a_password_in_the_url_is_not_shown(url: str) -> None:
    with pytest.raises(DecisionsError) as caught:
        DecisionStore.open(url)
    assert "secret" not in str(caught.value) and "somewhere" in str(caught.value)


def test_a_store_that_may_only_be_read_is_read_and_refuses_to_write(sqlite: DecisionStore) -> None:
    sqlite.append([decision("a", "drop")])
    reader = DecisionStore.open(f"sqlite:///file:{sqlite.place}?mode=ro&uri=true")
    assert standing(reader) == {"a": "drop"}
    with pytest.raises(DecisionsError, match="readonly"):
        reader.append([decision("b", "drop")])
    assert standing(sqlite) == {"a": "drop"}


def test_a_store_that_another_program_holds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    store = DecisionStore.open(tmp_path / "decisions.sqlite")
    holder = sqlite3.connect(store.place)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DecisionsError, match="locked"):
        store.append([decision("a", "drop")])
    holder.rollback()
    holder.close()
    assert store.append([decision("a", "drop")]) == 1


def test_a_full_disk_is_said_and_nothing_is_half_stored(sqlite: DecisionStore) -> None:
    sqlite.append([decision("a", "drop")])
    event.listen(sqlite.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count=20"))
    sqlite.engine.dispose()
    with pytest.raises(DecisionsError, match="full"):
        sqlite.append([decision(f"b{i}", "relabel", new_caption="x" * 9_000) for i in range(50)])
    assert standing(sqlite) == {"a": "drop"}


def test_a_place_with_odd_characters_is_that_very_file(tmp_path: Path) -> None:
    place = tmp_path / "what?mode=memory" / "100 %41 #1.sqlite"
    DecisionStore.open(place).append([decision("a", "drop")])
    assert place.is_file()
    assert standing(DecisionStore.open(place)) == {"a": "drop"}


@pytest.mark.parametrize("wanted", [["a", "c"], ["a", "c", *(f"other-{i}" for i in range(2_000))]])
def test_what_stands_can_be_asked_for_some_pairs(store: DecisionStore, wanted: list[str]) -> None:
    store.append([decision("c", "keep"), decision("b", "drop"), decision("a", "drop")])
    assert store.current(wanted)["pair_id"].tolist() == ["c", "a"]
    assert store.current([]).empty


def test_very_many_decisions_are_stored_at_once(store: DecisionStore) -> None:
    many = [decision(f"p{i}", "drop") for i in range(40_000)]
    assert store.append(many[:10]) == 10
    assert store.append(many) == 39_990
    assert store.append(many) == 0
    assert store.revision() == 40_000


def test_numbers_of_numpy_are_stored_as_numbers(store: DecisionStore) -> None:
    store.append([decision("a", "drop", suspicion=np.float32(0.5), seconds_spent=np.int64(3))])
    row = store.history().iloc[0]
    assert (row["suspicion"], row["seconds_spent"]) == (0.5, 3.0)
    store.append([decision("b", "drop", suspicion=float("nan"))])
    assert store.history("b")["suspicion"].tolist() == [None]


def test_an_undo_says_when_and_needs_a_key_of_its_own(store: DecisionStore) -> None:
    store.append([decision("a", "drop", key="k")])
    with pytest.raises(DecisionsError, match="of its own"):
        store.undo("a", "ana", "k")
    store.undo("b", "ana", "of-b")
    with pytest.raises(DecisionsError, match="of its own"):
        store.undo("a", "ana", "of-b")
    assert standing(store) == {"a": "drop"}
    assert store.undo("a", "ana", "u")
    assert store.history()["decided_at"].notna().all()


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Run `work(0)` … `work(number - 1)` at once; a failure of any is raised here."""
    failures: list[Exception] = []

    def guarded_work(index: int) -> None:
        try:
            work(index)
        except Exception as error:  # whatever it is, the test must see it
            failures.append(error)

    threads = [threading.Thread(target=guarded_work, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_that_undo_at_once_each_take_back_a_decision_of_their_own(store: DecisionStore) -> None:
    store.append([decision("a", "drop", key=f"k{i}") for i in range(40)])
    done: list[bool] = []
    in_threads(4, lambda thread: done.extend(store.undo("a", "ana", f"u{thread}-{i}") for i in range(10)))
    assert done == [True] * 40
    assert standing(store) == {}
    assert store.history()["undone_id"].dropna().is_unique


def test_threads_that_send_the_same_decisions_store_them_once(store: DecisionStore) -> None:
    new: list[int] = []
    in_threads(4, lambda _: new.extend(store.append([decision(f"p{i}")]) for i in range(50)))
    assert sum(new) == len(store.history()) == 50


def test_a_new_store_can_be_opened_by_many_at_once(place: str | Path) -> None:
    in_threads(8, lambda thread: DecisionStore.open(place).append([decision(f"p{thread}")]))
    assert len(DecisionStore.open(place).current()) == 8


WRITER = """
import sys
from engine.review import Decision, DecisionStore
store, name = DecisionStore.open(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):
    key = f"{name}-{number}"
    store.append([Decision(pair_id=key, verdict="drop", annotator=name, decided_at="t", client_key=key)])
    print(key, flush=True)
"""


def writer(place: str | Path, name: str, number: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(place), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_write_at_once_and_nothing_is_lost(place: str | Path) -> None:
    writers = [writer(place, name, 40) for name in ("ana", "ben")]
    assert [one.wait(60) for one in writers] == [0, 0]
    for one in writers:
        one.stdout.close()
    history = DecisionStore.open(place).history()
    for name in ("ana", "ben"):
        assert history.loc[history["annotator"] == name, "client_key"].tolist() == [f"{name}-{i}" for i in range(40)]


def test_what_was_acknowledged_survives_a_killed_writer(place: str | Path) -> None:
    one = writer(place, "ana", 100_000)
    acknowledged = [one.stdout.readline().strip() for _ in range(30)]
    time.sleep(0.05)
    os.kill(one.pid, signal.SIGKILL)
    acknowledged += one.communicate()[0].split("\n")[:-1]  # a last line without its end was not heard
    kept = set(DecisionStore.open(place).current()["pair_id"])
    assert set(acknowledged) <= kept
    assert len(kept) >= 30
    if "://" in str(place):
        return
    with sqlite3.connect(place) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
