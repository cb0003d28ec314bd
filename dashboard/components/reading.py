"""A run in two or three sentences, and the one thing to do now."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.findings import commonest_confusion, health_in_words, start_here, wrong_share
from dashboard.state import go
from engine.runs import RunFolder

CHANGES = ("drop", "relabel")


def reading(run: RunFolder, wrong: pd.DataFrame, decisions: pd.DataFrame) -> None:
    """The top of the Overview.

    Args:
        run: a finished run.
        wrong: its wrong predictions.
        decisions: standing decisions on its training pairs.
    """
    share, confusion = wrong_share(run.record), commonest_confusion(wrong)
    num_changes, num_pairs = int(decisions["verdict"].isin(CHANGES).sum()), run.record["counts"]["train"]
    start = start_here(share, confusion, len(decisions), num_changes, num_pairs)
    with st.container(border=True):
        st.text(" ".join(health_in_words(run.record, share, confusion)))
        with st.container(horizontal=True, vertical_alignment="center"):
            clicked = st.button(f"Start here: {start.label[0].lower()}{start.label[1:]}", type="primary",
                                icon=":material/arrow_forward:", key="start_here")  # fmt: skip
            st.text(start.why)
    if clicked:
        go(start.page, **start.params)
