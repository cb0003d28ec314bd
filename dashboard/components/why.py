"""Why a pair is suspected: in words, as a probability, and by the signals in which it stands out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.findings import is_defended, probability_in_words, standing_in_words, strongest_signals
from dashboard.wording import DEFENDED_IN_WORDS, NOT_CROSS_FITTED, SUSPICION_IN_WORDS
from engine.runs import RunFolder


def why_suspected(run: RunFolder, score: pd.Series) -> None:
    """What speaks against one pair.

    Args:
        run: a finished run; one without cross-fitted signals says what it needs.
        score: the pair's row of scores.
    """
    with st.container(border=True):
        st.markdown("**Why it is suspected**", help=SUSPICION_IN_WORDS)
        if not cache.listing(run).has_signals:
            st.markdown(f"Not computed for this run. {NOT_CROSS_FITTED}")
            return
        st.text(
            score["reason"]
            if isinstance(score["reason"], str) and score["reason"]
            else "Nothing speaks against this pair."
        )
        if is_defended(score):
            st.caption(DEFENDED_IN_WORDS)
        st.metric(
            "Probability that the caption is wrong",
            probability_in_words(score["p_wrong"]),
            help="Estimated without labels. Near misses are not counted.",
        )
        found = strongest_signals(cache.tables(run), score)
        for driver in found:
            st.progress(driver.percentile, standing_in_words(driver))
        if not found:
            st.markdown("In no signal does it stand out from the other pairs.")
