"""Suggested captions for a pair: the word difference, how well each fits, and one click to take it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.components.decision_form import caption_key
from dashboard.components.difference import caption_change
from dashboard.tables import suggested_rows, suggestion_in_words
from engine.runs import RunFolder


def suggested_captions(run: RunFolder, score: pd.Series) -> None:
    """The best captions for a picture; *Use* puts one into the field for relabelling, where it can be changed.

    Args:
        run: a finished run; without a table of suggestions its single suggestion is shown.
        score: the pair's row of scores.
    """
    rows = suggested_rows(_suggested(run, score["pair_id"]), score)
    if rows.empty:
        return
    st.caption("Captions that could fit better", help="Struck out: words that go. Underlined: words that come.")
    for number, row in enumerate(rows.to_dict("records")):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container():
                caption_change(score["caption"], row["caption"], key=f"suggested_{number}_{score['pair_id']}")
                st.caption(suggestion_in_words(row))
            st.button(
                "Use",
                icon=":material/edit:",
                key=f"use_{number}_{score['pair_id']}",
                help="Put it into the field for relabelling",
                on_click=_use,
                args=(score["pair_id"], row["caption"]),
            )


def _suggested(run: RunFolder, pair_id: str) -> pd.DataFrame | None:
    if not run.has_table("suggestions"):
        return None
    return cache.tables(run).rows("SELECT * FROM suggestions WHERE pair_id = ? ORDER BY rank", [pair_id])


def _use(pair_id: str, caption: str) -> None:
    st.session_state[caption_key(pair_id)] = caption
