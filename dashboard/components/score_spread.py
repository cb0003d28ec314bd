"""How the scores of a run are spread over its training pairs: three small histograms."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, wording


def score_spread(scores: pd.DataFrame) -> None:
    """CLIP score, pair loss and influence side by side.

    Args:
        scores: of the training pairs.
    """
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch"):
        st.markdown("**How well captions fit**", help=wording.SCORE_HELP["clip_score"])
        st.plotly_chart(charts.histogram(scores["clip_score"], "CLIP score"), config=charts.CONFIG)
        st.caption("The tail on the left is where wrong captions gather.")
    with middle.container(border=True, height="stretch"):
        st.markdown("**How hard pairs are for the model**", help=wording.SCORE_HELP["pair_loss"])
        st.plotly_chart(charts.histogram(scores["pair_loss"], "pair loss [nats]"), config=charts.CONFIG)
        st.caption("The tail on the right is what the model never learned.")
    with right.container(border=True, height="stretch"):
        st.markdown("**Influence on validation**", help=wording.SCORE_HELP["influence"])
        st.plotly_chart(charts.signed_histogram(scores["influence"], "influence [nats]"), config=charts.CONFIG)
        st.caption("Orange pairs hurt the validation loss, teal ones help.")
