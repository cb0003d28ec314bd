"""A question to the engine on a page: ask it, wait for it, cancel it, see why it failed."""

from __future__ import annotations

import streamlit as st

from dashboard.questions import Question


def answered(question: Question, label: str, waiting: str, *, key: str, icon: str, is_main: bool = False) -> bool:
    """Whether the answer is there; until then a button that asks, or the time it has taken and a way to stop it.

    Args:
        question: what is asked; a process that works on it is found again after a reload.
        label: of the button that asks.
        waiting: what happens meanwhile.
        key: names the buttons.
        icon: of the button.
        is_main: whether asking is what the page is about.
    """
    if question.is_answered:
        return True
    if question.is_alive:
        _wait(question, waiting, key)
        return False
    if question.has_failed:
        st.error("This could not be computed.", icon=":material/error:")
        st.text(question.last_words or "The process ended without a word.")
    shown = "Try again" if question.has_failed else label
    if st.button(shown, key=f"{key}_ask", icon=icon, type="primary" if is_main else "secondary"):
        question.start()
        st.rerun()
    return False


@st.fragment(run_every="1s")
def _wait(question: Question, waiting: str, key: str) -> None:
    if not question.is_alive:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f":material/hourglass_top: {waiting} **{question.seconds:.0f} s**")
        if st.button("Cancel", key=f"{key}_cancel", icon=":material/close:"):
            question.stop()
            st.rerun()
