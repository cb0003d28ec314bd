"""What the browser tells the gallery, and what the gallery answers before the page is drawn again."""

from types import SimpleNamespace

import pytest

from dashboard.components.gallery import Turns, component, selected_pairs

ENTRY = {"session": "abcdef0123456789", "sequence": 7, "pair_id": "p1", "verdict": "drop", "new_caption": None}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    state: dict[str, object] = {}
    monkeypatch.setattr(component, "st", SimpleNamespace(session_state=state))
    return state


def tell(session: dict[str, object], **told: object) -> None:
    session["grid"] = SimpleNamespace(**told)


@pytest.mark.parametrize(("can_store", "acknowledged"), [(True, {ENTRY["session"]: 7}), (False, {})])
def test_a_letter_is_answered_with_whether_its_entries_are_stored(
    session: dict[str, object], can_store: bool, acknowledged: dict[str, int]
) -> None:
    stored = []
    wires = component._Wires("grid", lambda actions: stored.extend(actions) or can_store, {"p1"}, None)
    tell(session, log={"letter": "a-1", "entries": [ENTRY]})
    wires.take_log()
    assert [action.pair_id for action in stored] == ["p1"]
    assert wires.acknowledged == acknowledged
    assert session["grid_heard"] == {"letter": "a-1", "stored": can_store}


def test_entries_about_unknown_pairs_are_passed_over_and_not_asked_for_again(session: dict[str, object]) -> None:
    wires = component._Wires("grid", lambda actions: pytest.fail("nothing to store"), {"p2"}, None)
    tell(session, log={"letter": "a-2", "entries": [ENTRY]})
    wires.take_log()
    assert session["grid_heard"] == {"letter": "a-2", "stored": True}
    assert wires.acknowledged == {}  # they stay in the browser: their run may come on screen again


@pytest.mark.parametrize("log", [None, [], [ENTRY], "x", {}, {"letter": 1, "entries": "x"}])
def test_an_odd_letter_stores_nothing(session: dict[str, object], log: object) -> None:
    wires = component._Wires("grid", lambda actions: pytest.fail("nothing to store"), None, None)
    tell(session, log=log)
    wires.take_log()
    assert wires.acknowledged == {}


@pytest.mark.parametrize(
    ("asked", "turned_to"), [(1, [1]), (3, [3]), (0, []), (4, []), (True, []), ("2", []), (2.0, []), (None, [])]
)
def test_only_pages_that_exist_are_turned_to(session: dict[str, object], asked: object, turned_to: list[int]) -> None:
    found: list[int] = []
    tell(session, turned=asked)
    component._Wires("grid", None, None, Turns(2, 3, found.append)).take_turn()
    assert found == turned_to


def test_what_is_selected_is_of_the_page_in_its_order(session: dict[str, object]) -> None:
    assert selected_pairs("grid") == ()
    session["grid_shown"] = ["p1", "p2", "p3"]
    tell(session, selected=["p3", "gone", 4, ["p2"], "p1"])
    assert selected_pairs("grid") == ("p1", "p3")
    tell(session, selected="p1")
    assert selected_pairs("grid") == ()
