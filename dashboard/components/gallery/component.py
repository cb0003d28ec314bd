"""The Python side of the gallery.

The browser paints a decision at once and keeps an ordered log of what it did; it sends the whole log that is not
yet acknowledged each time. So a burst of keys loses nothing, and a log that arrives twice is stored once. Python
acknowledges the highest sequence it has stored, per session (one load of the page in one tab). It also says which
letter it read last, and which server session it is, so that the browser knows when to send again.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.browser_part import browser_part
from engine.review import VERDICTS
from engine.review.decisions import MAX_CAPTION_CHARACTERS, MAX_ID_CHARACTERS

HERE = Path(__file__).resolve().parent
ACKNOWLEDGED, SERVER = "gallery_acknowledged", "gallery_server"
SESSION = re.compile(r"[0-9a-f-]{8,64}")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of characters: no store takes them, and a log that holds one would be refused for ever"""
OTHER_ACTS = ("undo", "queue")
MAX_ACTIONS = 5_000
MAX_SEQUENCE = 2**53
SCRIPTS = [
    f"{name}.js" for name in ("parts", "log", "acts", "tile", "selection", "editor", "zoom", "turn", "keys", "gallery")
]
"""files of one module, in order"""


@dataclass(frozen=True)
class Action:
    """One thing a person did in the gallery."""

    session: str
    """of one load of the page in one browser tab"""
    sequence: int
    """1, 2, … in the session"""
    pair_id: str
    verdict: str
    """keep, drop, relabel, unsure; undo; or queue: to be reviewed by somebody"""
    new_caption: str | None
    """with relabel only"""
    decided_at: str
    """UTC, ISO 8601"""
    seconds_spent: float | None
    """time the tile had the focus"""

    @property
    def client_key(self) -> str:
        """Names this action for good."""
        return f"{self.session}-{self.sequence}"


@dataclass(frozen=True)
class Turns:
    """The page on screen among all, and what turns it."""

    page: int
    """1 … num_pages"""
    num_pages: int
    turn: Callable[[int], None]
    """called with the number of the page wanted, before the page is drawn again; asked again until it is on screen"""
    next_thumbnails: Sequence[str] = ()
    """addresses of the next page's thumbnails, loaded when the browser has nothing else to do"""


def gallery(
    tiles: Sequence[dict[str, Any]],
    *,
    key: str,
    bar_scale: float = 1.0,
    on_actions: Callable[[list[Action]], bool] | None = None,
    known_pairs: Container[str] | None = None,
    queues: bool = False,
    turns: Turns | None = None,
) -> str | None:
    """Show tiles; `on_actions` gets what is new before the page is drawn again.

    Args:
        tiles: pair_id, thumbnail_url, picture_url (optional, a larger one), caption, label, why, why_in_full, badges,
            influence_positive, influence_negative, rank, verdict, new_caption, suggested_caption.
        key: of the component.
        bar_scale: influence [nats] that fills half a bar.
        on_actions: stores what the person did, in order, and says whether it could; what it could not store stays
            in the browser's log and comes again. A rerun may cut it short, so what it already stored may come
            again too: `Action.client_key` tells. None: the tiles carry no buttons, they only open.
        known_pairs: pair_ids that may be decided, of earlier pages too, since a log may come late; None: any.
        queues: whether pairs may be sent to the review queue.
        turns: lets PageUp and PageDown turn the page; None: the list has one page.

    Returns:
        The pair the person wants to open; None if none.
    """
    wires = _Wires(key, on_actions, known_pairs, turns)
    session = st.session_state
    session[_shown(key)] = [tile["pair_id"] for tile in tiles]
    _component()(
        key=key,
        data={
            "tiles": list(tiles),
            "bar_scale": bar_scale,
            "decide": on_actions is not None,
            "queues": queues,
            "turns": turns and {"page": turns.page, "of": turns.num_pages},
            "prefetch": list(turns.next_thumbnails) if turns else [],
            "acknowledged": wires.acknowledged,
            "heard": session.get(wires.heard),
            "server": session.setdefault(SERVER, uuid.uuid4().hex),
            "key": key,
        },
        default={"log": {}, "selected": []},
        on_log_change=wires.take_log,
        on_selected_change=_nothing_else,
        on_opened_change=wires.take_opened,
        on_turned_change=wires.take_turn,
    )
    opened = session.pop(wires.waiting, None)
    return opened if isinstance(opened, str) and any(tile["pair_id"] == opened for tile in tiles) else None


class _Wires:
    """What happens when the browser tells something, before the page is drawn again.

    Args: as in `gallery`.
    """

    def __init__(
        self,
        key: str,
        on_actions: Callable[[list[Action]], bool] | None,
        known_pairs: Container[str] | None,
        turns: Turns | None,
    ) -> None:
        self.key, self.on_actions, self.known_pairs, self.turns = key, on_actions, known_pairs, turns
        self.acknowledged: dict[str, int] = st.session_state.setdefault(ACKNOWLEDGED, {})
        self.waiting, self.heard = f"{key}_opened", f"{key}_heard"

    def take_log(self) -> None:
        letter = self._told("log")
        if self.on_actions is None or not isinstance(letter, dict):
            return
        actions = read_log(letter.get("entries"), self.acknowledged, self.known_pairs)
        is_stored = not actions or self.on_actions(actions)
        for action in actions if is_stored else ():
            self.acknowledged[action.session] = max(self.acknowledged.get(action.session, 0), action.sequence)
        st.session_state[self.heard] = {"letter": letter.get("letter"), "stored": is_stored}

    def take_opened(self) -> None:
        # A trigger is lost when its run is cut short by the next key; this is not.
        st.session_state[self.waiting] = self._told("opened")

    def take_turn(self) -> None:
        asked = self._told("turned")
        if self.turns is not None and type(asked) is int and 1 <= asked <= self.turns.num_pages:
            self.turns.turn(asked)

    def _told(self, what: str) -> object:
        return getattr(st.session_state.get(self.key), what, None)


def selected_pairs(key: str) -> tuple[str, ...]:
    """The pair_ids selected in a gallery, in the order of its page; empty if none.

    Args:
        key: of the component. It may be asked before the gallery is drawn: then what the person last saw counts.
    """
    found = getattr(st.session_state.get(key), "selected", None)
    selected = {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()
    return tuple(pair_id for pair_id in st.session_state.get(_shown(key), ()) if pair_id in selected)


def _shown(key: str) -> str:
    return f"{key}_shown"


def _nothing_else() -> None:
    """A selection only asks for the page to be drawn again."""


def read_log(log: object, acknowledged: dict[str, int], known_pairs: Container[str] | None = None) -> list[Action]:
    """The well-formed actions of a browser's log that are new, in the log's order; anything else is passed over.

    Args:
        log: what the browser sent.
        acknowledged: highest sequence already stored, per session.
        known_pairs: pair_ids that may be decided; None: any.
    """
    found = []
    for entry in log[:MAX_ACTIONS] if isinstance(log, list) else []:
        action = _action(entry) if isinstance(entry, dict) else None
        if action is None or action.sequence <= acknowledged.get(action.session, 0):
            continue
        if known_pairs is None or action.pair_id in known_pairs:
            found.append(action)
    return found


def _action(entry: dict[str, Any]) -> Action | None:
    session, sequence, pair_id = entry.get("session"), entry.get("sequence"), entry.get("pair_id")
    verdict, caption, seconds = entry.get("verdict"), entry.get("new_caption"), entry.get("seconds_spent")
    if not isinstance(session, str) or not SESSION.fullmatch(session):
        return None
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence < MAX_SEQUENCE:
        return None
    if not isinstance(pair_id, str) or not 0 < len(pair_id) <= MAX_ID_CHARACTERS:
        return None
    if verdict not in (*VERDICTS, *OTHER_ACTS):
        return None
    caption = UNSTORABLE.sub("", caption) if isinstance(caption, str) else ""
    has_caption = caption.strip() != "" and len(caption) <= MAX_CAPTION_CHARACTERS
    if (verdict == "relabel") != has_caption:
        return None
    spent = float(seconds) if isinstance(seconds, int | float) and 0 <= seconds <= 86_400 else None
    return Action(
        session, sequence, pair_id, verdict, caption if has_caption else None, _moment(entry.get("decided_at")), spent
    )


def _moment(text: object) -> str:
    """The browser's time if it is one, else now."""
    try:
        moment = datetime.datetime.fromisoformat(str(text)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="milliseconds")


@cache
def _component() -> Callable[..., Any]:
    return browser_part(HERE, "gallery", "gallery.css", SCRIPTS)
