"""The pairs behind a prediction: stored, or computed while the page waits, and then stored for whoever comes next."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.asking_process import Asked, asking_is_allowed
from dashboard.components.asking.waiting import DONE, LATER, NOW, POLL_SECONDS, QUICK_SECONDS, asking_engine
from dashboard.components.boxes import empty
from dashboard.components.question import answered
from dashboard.places import is_local
from dashboard.questions import TraceQuestion, trace_question
from engine.asking import PredictionQuestion, trace_seconds
from engine.estimates import duration
from engine.runs import RunFolder

AT_ONCE_SECONDS = 60.0
"""a trace that takes longer is begun by a button"""
NOT_STORED = "No trace stored for this prediction"
WORDS = "A run traces its surest wrong predictions; any other can be traced"
STEPS = {
    "loading": "Loading the features of the run, once",
    "solving": "Solving with the curvature of the model",
    "scoring": "Scoring all training pairs",
}
ICON = ":material/account_tree:"


def traces_of(run: RunFolder, query_id: str) -> pd.DataFrame:
    """The pairs behind a prediction, both sides; while there are none the page shows how far they are, and ends.

    Args:
        run: of the prediction.
        query_id: in its queries table.
    """
    stored = cache.tables(run).rows("SELECT * FROM traces WHERE query_id = ? ORDER BY side, rank", [query_id])
    if len(stored):
        return stored
    question = trace_question(run, query_id)
    if question.is_answered:
        return question.traces
    if run.config.tier == "heads" and asking_is_allowed():
        found = _live(run, query_id, question)
        if found is not None:
            return found
    elif is_local():
        empty(NOT_STORED, f"{WORDS} now. {_takes(run)}", ICON)
        answered(question, "Trace this prediction", "Finding the pairs behind it …", key="trace", icon=ICON,
                 is_main=True)  # fmt: skip
    else:
        empty(NOT_STORED, f"{WORDS} in the terminal: `ecif trace RUN --query ID`.", ICON)  # fmt: skip
    st.stop()


def _live(run: RunFolder, query_id: str, question: TraceQuestion) -> pd.DataFrame | None:
    """The trace, once the engine has it; None after saying why it has not."""
    asked = asking_engine().trace_under_way(run, PredictionQuestion(query_id))
    is_quick = (trace_seconds(run) or 0) <= AT_ONCE_SECONDS
    if asked is not None and asked.error:
        st.error("This could not be computed.", icon=":material/error:")
        st.text(asked.error)
        if not st.button("Try again", key="trace_ask", icon=ICON, type="primary"):
            return None
    elif asked is None and not is_quick:
        empty(NOT_STORED, f"{WORDS} now. {_takes(run)}", ICON)
        if not st.button("Trace this prediction", key="trace_ask", icon=ICON, type="primary"):
            return None
    asked = asking_engine().trace(run, PredictionQuestion(query_id), lambda traced: question.keep(traced.pairs))
    _wait_for(asked)
    return None if asked.answer is None else asked.answer.pairs


def _wait_for(asked: Asked) -> None:
    """Show the steps until the trace is there; one that comes at once shows none of them."""
    engine = asking_engine()
    if asked.done.wait(QUICK_SECONDS if engine.pid is not None and not engine.is_loading else 0.0):
        if asked.error:
            st.rerun()
        return

    @st.fragment(run_every=POLL_SECONDS)
    def steps() -> None:
        if asked.done.is_set():
            st.rerun()
        with st.container(border=True):
            st.markdown(f"##### :material/hourglass_top: Finding the pairs behind it … {asked.seconds:.0f} s")
            at = list(STEPS).index(asked.state) if asked.state in STEPS else -1
            if at < 0:
                st.markdown(f"In line with {engine.num_waiting} others: one question is answered at a time.")
            for number, (name, words) in enumerate(STEPS.items()):
                icon = DONE if number < at else NOW if number == at else LATER
                done, expected = asked.progress
                count = f": {done} of about {expected} products" if name == "solving" and number == at else ""
                st.markdown(f"{icon} **{words}{count}**" if number == at else f"{icon} {words}")
            st.caption("It is kept: after a reload, and for everybody, this page opens at once.")

    steps()
    st.stop()


def _takes(run: RunFolder) -> str:
    """How long a trace takes, as far as the run tells."""
    seconds = trace_seconds(run)
    if seconds is None:
        return "How long that takes is not known: the run does not tell."
    return (
        f"It takes about {duration(seconds * 0.8, seconds * 1.5)} after loading, as the run took for one question "
        "where it was computed."
    )
