"""What differs between two runs: their figures, their options, and the decided pairs whose scores moved."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.comparison import metric_rows, moved, option_rows
from dashboard.components.boxes import empty
from dashboard.state import store
from engine.runs import RunFolder

MOST_ROWS = 200
SHOWN = {"caption": "caption", "verdict": "decision", "a": "A", "b": "B", "change": "change"}


def run_differences(run: RunFolder, other: RunFolder) -> None:
    """Three tables below the lists of pairs.

    Args:
        run: run A.
        other: run B, another one.
    """
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown("**How good the two models are**")
        st.dataframe(metric_rows(run.record, other.record), hide_index=True)
    with right.container(border=True, height="stretch"):
        st.markdown("**Options that differ**")
        options = option_rows(run.config, other.config)
        if options.empty:
            st.markdown("None: the two were run with the same options, on tables of different content.")
        else:
            st.dataframe(options, hide_index=True)
    _moved_pairs(run, other)


def _moved_pairs(run: RunFolder, other: RunFolder) -> None:
    st.subheader("Decided pairs that look different now", anchor=False)
    decisions = cache.decisions(store())
    a, b = (cache.tables(one).scores_by_id(decisions.index) for one in (run, other))
    turned = moved(a, b, "influence", decisions)
    suspicion = moved(a, b, "suspicion", decisions)
    if turned.empty and suspicion.empty:
        empty(
            "No decided pair is in both runs",
            "Decide some pairs, train and run again: here stands what the decisions did to their scores.",
            ":material/compare_arrows:",
        )
        return
    left, right = st.columns(2)
    signs = turned[turned["changed_sign"]]
    with left.container(border=True, height="stretch"):
        st.markdown(
            f"**{len(signs):,} of {len(turned):,} changed from hurting to helping, or back**",
            help="Influence on the validation loss [nats]; below 0 the pair hurts.",
        )
        if len(signs):
            st.dataframe(_shown(signs), hide_index=True, column_config=_formats("%.2e"))
    with right.container(border=True, height="stretch"):
        st.markdown("**Their suspicion moved most**", help="0 to 1; 1 is most suspicious in its run.")
        if len(suspicion):
            st.dataframe(_shown(suspicion), hide_index=True, column_config=_formats("%.2f"))


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.head(MOST_ROWS)[list(SHOWN)].rename(columns=SHOWN)


def _formats(number: str) -> dict[str, object]:
    return {name: st.column_config.NumberColumn(format=number) for name in ("A", "B", "change")}
