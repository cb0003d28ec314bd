"""How many captions are wrong: the estimate, how deep to look, and how far the estimate can be trusted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import cache, charts
from dashboard.components.boxes import empty
from dashboard.findings import (
    WrongShare,
    agreement_in_words,
    depth_worth_looking,
    observed_by_estimate,
    precision_by_depth,
    thinned,
    wrong_share,
)
from dashboard.wording import NOT_CROSS_FITTED
from engine.runs import RunFolder


def wrong_share_panel(run: RunFolder, decisions: pd.DataFrame) -> None:
    """The estimate of a run in plain words, with a chart; beside it what annotators found, as soon as they did.

    Args:
        run: a finished run; one without cross-fitted signals says what it needs.
        decisions: standing decisions, indexed by pair_id.
    """
    st.subheader("How many captions are wrong?", anchor=False)
    share = wrong_share(run.record)
    if share is None or not run.has_table("signals"):
        empty("Not estimated for this run", NOT_CROSS_FITTED, ":material/query_stats:")
        return
    decided = cache.tables(run).scores_by_id(decisions.index, ["p_wrong"])
    observed = observed_by_estimate(decided["p_wrong"], decisions)
    left, right = st.columns([5, 6])
    with left.container(border=True, height="stretch"):
        _words(share, observed)
    with right.container(border=True, height="stretch"):
        _depth(run)
    if len(observed):
        with st.expander("Estimated and found, by how sure the estimate was", icon=":material/balance:"):
            st.plotly_chart(charts.agreement_bars(observed), config=charts.CONFIG)
            st.caption(
                "Decided pairs only, *unsure* left out. Lines are 90 % intervals: few decisions, long lines. "
                "Annotators also find near misses, so a little more than estimated is to be expected."
            )


def _words(share: WrongShare, observed: pd.DataFrame) -> None:
    st.caption("Captions that look wrong")
    st.markdown(f"### {share.number()}\n{share.interval_in_words()}")  # a metric would be cut on a narrow screen
    st.markdown(share.caveat_in_words())
    if reliability := share.reliability_in_words():
        st.markdown(f":material/verified: {reliability}")
    if len(observed):
        st.markdown(f":material/balance: {agreement_in_words(observed)}")


@st.cache_data(max_entries=8, show_spinner=False)
def _curve(path: str, revision: str) -> tuple[pd.DataFrame, int]:
    """Precision by depth, as much as is drawn, and how deep to look."""
    signals = cache.tables(RunFolder(Path(path))).rows("SELECT p_wrong, suspicion_rank FROM ranked")
    precision = precision_by_depth(signals)
    half = depth_worth_looking(precision)
    return thinned(precision, half), half


def _depth(run: RunFolder) -> None:
    curve, half = _curve(str(run.path), run.revision)
    if half:
        st.markdown(f"**Look at the {half:,} most suspicious pairs at least**: half of them or more are wrong.")
    else:
        st.markdown("**Hardly any caption stands out**: even among the most suspicious fewer than half are wrong.")
    st.plotly_chart(charts.precision_curve(curve, half), config=charts.CONFIG)
