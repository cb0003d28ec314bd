"""From one pair to the next of the list one came from; the session keeps the list, not its pairs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import cache
from dashboard.listing import Listed, Stand, stand_among
from dashboard.state import go
from engine.runs import RunFolder

LISTED = "listed_pair_ids"
GO_ON = "go_on"


def remember_list(pairs: Sequence[str] | Listed) -> None:
    """Keep the list that a pair is opened from, for the Pair page."""
    st.session_state[LISTED] = pairs


def steps_from(run: RunFolder, pair_id: str) -> Stand | None:
    """Where a pair stands in the remembered list, with its neighbours; None if it is not in it."""
    listed = st.session_state.get(LISTED, ())
    if isinstance(listed, Listed):
        return cache.listing(run).stand(listed, pair_id) if cache.listing(run).knows(listed) else None
    return stand_among(listed, pair_id)


def step_buttons(pair_id: str, steps: Stand) -> None:
    """Previous and next, by mouse and by arrow keys, and whether a decision leads to the next.

    Keyed by the pair: a press that comes while the next pair is loading does not skip it.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        back = st.button(
            "Previous",
            icon=":material/arrow_back:",
            key=f"previous_{pair_id}",
            shortcut="Left",
            disabled=not steps.before,
        )
        st.markdown(f"**{steps.place:,}** of {steps.count:,} in the list", width="content")
        on = st.button("Next", icon=":material/arrow_forward:", key=f"next_{pair_id}", shortcut="Right",
                       disabled=not steps.after)  # fmt: skip
        st.toggle("Go on after deciding", key=GO_ON, persist_state="session")
    if back or on:
        go("pair", pair=steps.before if back else steps.after)


def go_on(steps: Stand | None) -> None:
    """After a decision: to the next pair of the list if that is wished, else the page again."""
    if steps and steps.after and st.session_state.get(GO_ON):
        go("pair", pair=steps.after)
    st.rerun()
