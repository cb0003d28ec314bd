"""Page headers, empty states and errors: designed once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st

from dashboard.state import chosen_run
from engine.errors import EcifError, RunFolderAbsent, RunFolderDamaged, RunFolderPartial
from engine.runs import RunFolder


def header(title: str, text: str) -> None:
    """The top of a page: what it is, and what it is for in one sentence."""
    st.title(title, anchor=False)
    st.markdown(text)


def empty(title: str, text: str, icon: str = ":material/inbox:") -> None:
    """Nothing to show here, and what to do about it."""
    with st.container(border=True):
        st.markdown(f"#### {icon} {title}")
        st.markdown(text)


def run_or_stop() -> RunFolder:
    """The run on screen; without one the page says how to get one and ends."""
    run = chosen_run()
    if run is None:
        empty(
            "No finished run yet",
            "Start one on your own table of pairs on the **Runs** page, or stop this and type `ecif demo` in the "
            "terminal: it computes the sample data set in under a minute.",
            ":material/rocket_launch:",
        )
        st.page_link("views/runs.py", label="Start a run", icon=":material/play_circle:")
        st.stop()
    return run


STATES = (
    (RunFolderAbsent, "This run is not there any more."),
    (RunFolderPartial, "This run is not complete."),
    (RunFolderDamaged, "This run is damaged."),
)


@contextlib.contextmanager
def show_errors() -> Iterator[None]:
    """Show what a person can mend as a box with one sentence instead of a traceback."""
    try:
        yield
    except EcifError as error:
        title = next((words for kind, words in STATES if isinstance(error, kind)), None)
        st.error(title or "This page cannot be shown.", icon=":material/error:")
        st.text(str(error))
        if title:
            st.text("Other runs can be chosen in the sidebar; the Runs page lists all of them.")
