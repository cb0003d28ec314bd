"""From one pair to the next of the list one came from; the list is kept in the session, by ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.state import go

LISTED = "listed_pair_ids"
GO_ON = "go_on"


@dataclass(frozen=True)
class Steps:
    """Where a pair stands in the list."""

    place: int
    """1, 2, …"""
    count: int
    before: str | None
    after: str | None


def remember_list(pair_ids: Sequence[str]) -> None:
    """Keep the list that a pair is opened from, for the Pair page."""
    st.session_state[LISTED] = pair_ids


def steps_from(pair_id: str) -> Steps | None:
    """The neighbours of a pair in the remembered list; None if it is not in it."""
    listed = st.session_state.get(LISTED, ())
    if pair_id not in listed:
        return None
    at = listed.index(pair_id)
    return Steps(
        at + 1,
        len(listed),
        listed[at - 1] if at else None,
        listed[at + 1] if at + 1 < len(listed) else None,
    )


def step_buttons(pair_id: str, steps: Steps) -> None:
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


def go_on(steps: Steps | None) -> None:
    """After a decision: to the next pair of the list if that is wished, else the page again."""
    if steps and steps.after and st.session_state.get(GO_ON):
        go("pair", pair=steps.after)
    st.rerun()
