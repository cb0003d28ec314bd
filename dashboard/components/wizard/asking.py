"""A check that runs in the background of a page: asked once per question, watched until it has an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.checks import Check

EVERY_SECONDS = 0.5


def answer_of(
    name: str,
    question: str,
    *arguments: str,
    limit_seconds: float,
    saying: str,
    given: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[dict[str, Any] | None, str] | None:
    """The answer to a question, asked now if it was not; None while it is being found.

    Args:
        name: one question of this name is asked at a time; another one takes its place.
        question: what is asked, as text: as long as it stays the same the answer does.
        arguments: of `ecif`, see `Check.start`.
        limit_seconds: the check is stopped after this.
        saying: shown meanwhile.
        given: see `Check.start`.

    Returns:
        (outcome, "") or (None, sentence) as soon as it is there.
    """
    kept = st.session_state.get(name)
    if kept is None or kept["question"] != question:
        if kept is not None and kept["check"] is not None and kept["check"].is_alive:
            kept["check"].stop()
        check = Check.start(*arguments, limit_seconds=limit_seconds, given=given)
        kept = st.session_state[name] = {"question": question, "check": check, "answer": None}
    if kept["answer"] is None and not kept["check"].is_alive:
        kept["answer"], kept["check"] = kept["check"].outcome(), None
    if kept["answer"] is None:
        _watch(name, saying)
    return kept["answer"]


def was_asked(name: str, question: str) -> bool:
    """Whether this very question was asked already."""
    return st.session_state.get(name, {}).get("question") == question


def forget(name: str) -> None:
    """Ask anew next time."""
    st.session_state.pop(name, None)


@st.fragment(run_every=EVERY_SECONDS)
def _watch(name: str, saying: str) -> None:
    kept = st.session_state.get(name)
    check = kept["check"] if kept else None
    if check is None or not check.is_alive:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        share = check.share
        st.progress(share or 0.0, f"{saying} · {share:.0%}" if share else f"{saying} · {check.seconds:.0f} s")
        if st.button("Stop", key=f"{name}_stop", icon=":material/stop_circle:"):
            check.stop()
            st.rerun()
