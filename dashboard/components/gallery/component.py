"""The Python side of the gallery.

The browser paints a decision at once and keeps an ordered log of what it did; it sends the whole log that is not
yet acknowledged each time. So a burst of keys loses nothing, and a log that arrives twice is stored once. Python
acknowledges the highest sequence it has stored, per session (one load of the page in one tab).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from engine.review import VERDICTS

HERE = Path(__file__).resolve().parent
ACKNOWLEDGED = "gallery_acknowledged"
SESSION = re.compile(r"[0-9a-f-]{8,64}")
MAX_CAPTION_CHARACTERS = 10_000
MAX_ACTIONS = 5_000
MAX_SEQUENCE = 2**53
SCRIPTS = ("parts.js", "log.js", "gallery.js")


@dataclass(frozen=True)
class Action:
    """One thing a person did in the gallery."""

    session: str
    """of one load of the page in one browser tab"""
    sequence: int
    """1, 2, … in the session"""
    pair_id: str
    verdict: str
    """keep, drop, relabel, unsure, or undo"""
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


def gallery(
    tiles: Sequence[dict[str, Any]],
    *,
    key: str,
    bar_scale: float = 1.0,
    on_actions: Callable[[list[Action]], bool] | None = None,
    known_pairs: Container[str] | None = None,
) -> str | None:
    """Show tiles; `on_actions` gets what is new before the page is drawn again.

    Args:
        tiles: pair_id, thumbnail_url, caption, label, why, why_in_full, badges, influence_positive, influence_negative,
            rank, verdict, new_caption, suggested_caption.
        key: of the component.
        bar_scale: influence [nats] that fills half a bar.
        on_actions: stores what the person did, in order, and says whether it could; what it could not store stays
            in the browser's log and comes again. A rerun may cut it short, so what it already stored may come
            again too: `Action.client_key` tells. None: the tiles carry no buttons, they only open.
        known_pairs: pair_ids that may be decided, of earlier pages too, since a log may come late; None: any.

    Returns:
        The pair the person wants to open; None if none.
    """
    acknowledged: dict[str, int] = st.session_state.setdefault(ACKNOWLEDGED, {})

    def take_log() -> None:
        state = st.session_state.get(key)
        if on_actions is None:
            return
        actions = read_log(getattr(state, "log", None), acknowledged, known_pairs)
        if not actions or not on_actions(actions):
            return
        for action in actions:
            acknowledged[action.session] = max(acknowledged.get(action.session, 0), action.sequence)

    waiting = f"{key}_opened"  # a trigger is lost when its run is cut short by the next key; this is not

    def take_opened() -> None:
        st.session_state[waiting] = getattr(st.session_state.get(key), "opened", None)

    _component()(
        key=key,
        data={
            "tiles": list(tiles),
            "bar_scale": bar_scale,
            "decide": on_actions is not None,
            "acknowledged": acknowledged,
            "key": key,
        },
        default={"log": []},
        on_log_change=take_log,
        on_opened_change=take_opened,
    )
    opened = st.session_state.pop(waiting, None)
    return opened if isinstance(opened, str) and any(tile["pair_id"] == opened for tile in tiles) else None


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
    if not isinstance(pair_id, str) or not 0 < len(pair_id) <= 256 or verdict not in (*VERDICTS, "undo"):
        return None
    has_caption = isinstance(caption, str) and caption.strip() != "" and len(caption) <= MAX_CAPTION_CHARACTERS
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
    return st.components.v2.component(
        "ecif_gallery",
        html='<div class="gallery"></div>',
        css=(HERE / "gallery.css").read_text(encoding="utf-8"),
        js="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    )
