"""One prediction: the picture, what the model says, what is right, how sure it is."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from engine.runs import RunFolder


def prediction_facts(run: RunFolder, query: pd.Series) -> None:
    """The test picture with answer and truth; a wrong retrieval shows the picture of the caption it picked as well.

    Args:
        run: of the prediction.
        query: its row of the queries table.
    """
    is_class, correct = query["kind"] == "classification", bool(query["correct"])
    picture, words = st.columns([2, 3])
    with picture:
        _picture(run, query["pair_id"])
    with words:
        st.caption(f"The model {'says' if is_class else 'picks'}, {query['confidence']:.0%} sure")
        with st.container(border=True):
            st.text(query["predicted_label"])
            if not is_class and not correct:
                _picture(run, query["predicted_pair_id"], 110)
        if not correct:
            st.caption("It is" if is_class else "It should pick")
            with st.container(border=True):
                st.text(query["true_label"])
    if is_class:
        st.caption("Caption of this test picture")
        st.text(cache.tables(run).pairs_by_id([query["pair_id"]], ["caption"])["caption"].iloc[0])


def _picture(run: RunFolder, pair_id: str, width: int | str = "stretch") -> None:
    st.image(cache.picture(str(run.path), run.revision, pair_id), width=width, alt="Test picture")
