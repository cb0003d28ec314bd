"""The store of decisions: append-only, idempotent, durable, safe for several writers."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore

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
def store(tmp_path: Path) -> DecisionStore:
    return DecisionStore.open(tmp_path / "new" / "decisions.sqlite")


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


def test_decisions_survive_a_restart(store: DecisionStore) -> None:
    store.append([decision("a", "relabel", seconds_spent=2.5, run_id="r-1", suspicion=0.9)])
    store.engine.dispose()
    again = DecisionStore.open(store.place)
    row = again.history().iloc[0]
    assert (row["seconds_spent"], row["run_id"], row["suspicion"]) == (2.5, "r-1", 0.9)
    assert standing(DecisionStore.open(f"sqlite:///{store.place}")) == {"a": "relabel"}


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


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DecisionsError, match="--decisions"):
        DecisionStore.open(tmp_path / "file" / "decisions.sqlite")
    with pytest.raises(DecisionsError):
        DecisionStore.open("nosuchdatabase://somewhere/x")


def test_a_password_in_the_url_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(DecisionsError) as caught:
        DecisionStore.open("nosuchdatabase://me:secret@somewhere/x")
    assert "secret" not in str(caught.value)


WRITER = """
import sys
from engine.review import Decision, DecisionStore
store, name = DecisionStore.open(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):
    key = f"{name}-{number}"
    store.append([Decision(pair_id=key, verdict="drop", annotator=name, decided_at="t", client_key=key)])
    print(key, flush=True)
"""


def writer(place: Path, name: str, number: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(place), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    place = tmp_path / "decisions.sqlite"
    writers = [writer(place, name, 40) for name in ("ana", "ben")]
    assert [one.wait(60) for one in writers] == [0, 0]
    for one in writers:
        one.stdout.close()
    assert len(DecisionStore.open(place).current()) == 80


def test_what_was_acknowledged_survives_a_killed_writer(tmp_path: Path) -> None:
    place = tmp_path / "decisions.sqlite"
    one = writer(place, "ana", 100_000)
    acknowledged = [one.stdout.readline().strip() for _ in range(30)]
    time.sleep(0.05)
    os.kill(one.pid, signal.SIGKILL)
    acknowledged += one.communicate()[0].split("\n")[:-1]  # a last line without its end was not heard
    kept = set(DecisionStore.open(place).current()["pair_id"])
    assert set(acknowledged) <= kept
    assert len(kept) >= 30
    with sqlite3.connect(place) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
