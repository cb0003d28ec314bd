"""How the scores of a run are spread over its training pairs: three small histograms."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from dashboard import cache, charts, wording
from engine.runs import RunFolder


@st.cache_data(max_entries=8, show_spinner=False)
def _figures(path: str, revision: str) -> tuple[go.Figure, go.Figure, go.Figure]:
    """Histograms of CLIP score, pair loss and influence."""
    scores = cache.tables(RunFolder(Path(path))).rows("SELECT clip_score, pair_loss, influence FROM ranked")
    return (
        charts.histogram(scores["clip_score"], "CLIP score"),
        charts.histogram(scores["pair_loss"], "pair loss [nats]"),
        charts.signed_histogram(scores["influence"], "influence [nats]"),
    )


def score_spread(run: RunFolder) -> None:
    """CLIP score, pair loss and influence side by side."""
    fit, loss, influence = _figures(str(run.path), run.revision)
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch"):
        st.markdown("**How well captions fit**", help=wording.SCORE_HELP["clip_score"])
        st.plotly_chart(fit, config=charts.CONFIG)
        st.caption("The tail on the left is where wrong captions gather.")
    with middle.container(border=True, height="stretch"):
        st.markdown("**How hard pairs are for the model**", help=wording.SCORE_HELP["pair_loss"])
        st.plotly_chart(loss, config=charts.CONFIG)
        st.caption("The tail on the right is what the model never learned.")
    with right.container(border=True, height="stretch"):
        st.markdown("**Influence on validation**", help=wording.SCORE_HELP["influence"])
        st.plotly_chart(influence, config=charts.CONFIG)
        st.caption("Orange pairs hurt the validation loss, teal ones help.")
