"""What the browser sends is checked: well-formed actions are new once, everything else is passed over."""

import pytest

from dashboard.components.gallery import read_log
from engine.review import Decision

GOOD = {
    "session": "abcdef0123456789",
    "sequence": 1,
    "pair_id": "p1",
    "verdict": "drop",
    "new_caption": None,
    "decided_at": "2026-01-01T10:00:00.000Z",
    "seconds_spent": 1.5,
}


def test_actions_come_once_and_in_the_order_of_the_log() -> None:
    log = [{**GOOD, "sequence": n, "pair_id": f"p{n}"} for n in (1, 2, 3)]
    assert [action.pair_id for action in read_log(log, {})] == ["p1", "p2", "p3"]
    assert [action.pair_id for action in read_log(log, {GOOD["session"]: 2})] == ["p3"]
    assert read_log(log, {})[0].client_key == "abcdef0123456789-1"


@pytest.mark.parametrize(
    "change",
    [
        {"session": "../../x"},
        {"session": None},
        {"sequence": 0},
        {"sequence": True},
        {"sequence": "1"},
        {"pair_id": ""},
        {"pair_id": ["p"]},
        {"pair_id": "x" * 300},
        {"verdict": "delete everything"},
        {"verdict": "relabel"},
        {"verdict": "relabel", "new_caption": "   "},
        {"verdict": "relabel", "new_caption": "x" * 10_001},
        {"verdict": "keep", "new_caption": "a cat"},
    ],
)
def test_a_malformed_action_is_passed_over_and_the_rest_is_kept(change: dict) -> None:
    assert [action.pair_id for action in read_log([{**GOOD, **change}, {**GOOD, "sequence": 9}], {})] == ["p1"]


@pytest.mark.parametrize("log", [None, "text", {"a": 1}, [None, 3, "x"]])
def test_what_is_no_log_is_an_empty_one(log: object) -> None:
    assert read_log(log, {}) == []


def test_odd_times_and_durations_do_not_stop_a_decision() -> None:
    action = read_log([{**GOOD, "decided_at": "yesterday", "seconds_spent": -4}], {})[0]
    assert action.seconds_spent is None
    assert action.decided_at.startswith("20")


@pytest.mark.parametrize("typed", ["a red\0 bus", "a red\ud83d bus", "\udc00a red bus\0\0"])
def test_a_caption_comes_without_what_no_store_takes_so_that_the_log_is_not_refused_for_ever(typed: str) -> None:
    (action,) = read_log([{**GOOD, "verdict": "relabel", "new_caption": typed}], {})
    assert action.new_caption == "a red bus"
    Decision("p1", "relabel", "ana", action.decided_at, action.client_key, action.new_caption)  # does not raise
    assert read_log([{**GOOD, "verdict": "relabel", "new_caption": "\0 \ud83d"}], {}) == []
    (whole,) = read_log([{**GOOD, "verdict": "relabel", "new_caption": "a fox 👍"}], {})
    assert whole.new_caption == "a fox 👍"
