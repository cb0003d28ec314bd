"""The gallery wired to the store of decisions: what the pages with tiles share."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cache
from dashboard.components.gallery import Action, gallery
from dashboard.state import annotator, go, store
from engine.errors import EcifError
from engine.review import Decision
from engine.runs import RunFolder

FAILED = "decisions_error"


def deciding_gallery(
    tiles: list[dict[str, Any]], run: RunFolder, suspicion: dict[str, float], *, key: str, bar_scale: float
) -> None:
    """A gallery whose decisions go to the store at once, and whose tiles open the Pair page.

    Args:
        tiles: see `gallery`.
        run: whose scores are on screen.
        suspicion: of the tiles' pairs, kept with each decision.
        key: of the component.
        bar_scale: influence [nats] that fills half a bar.
    """

    def keep(actions: list[Action]) -> bool:
        try:
            store_actions(actions, run.run_id, suspicion)
        except EcifError as error:
            st.session_state[FAILED] = str(error)
            return False
        st.session_state.pop(FAILED, None)
        return True

    if FAILED in st.session_state:
        st.error("Your last decisions are not stored yet. They stay in this tab and are sent again.")
        st.text(st.session_state[FAILED])
    opened = gallery(tiles, key=key, bar_scale=bar_scale, on_actions=keep, known_pairs=cache.pairs(run).index)
    if opened:
        go("pair", pair=opened)


def store_actions(actions: list[Action], run_id: str, suspicion: dict[str, float]) -> None:
    """Append decisions and undos in the order they were made.

    Raises:
        DecisionsError: if the store refuses; what was stored before is passed over when the log comes again.
    """
    name, waiting = annotator(), []
    for action in actions:
        if action.verdict == "undo":
            store().append(waiting)
            waiting = []
            store().undo(action.pair_id, name, action.client_key)
            continue
        waiting.append(
            Decision(
                pair_id=action.pair_id,
                verdict=action.verdict,
                new_caption=action.new_caption,
                annotator=name,
                decided_at=action.decided_at,
                seconds_spent=action.seconds_spent,
                run_id=run_id,
                suspicion=suspicion.get(action.pair_id),
                client_key=action.client_key,
            )
        )
    store().append(waiting)
