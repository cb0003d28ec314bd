"""Facts about one pair: its scores, in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.run_tables import RunTables
from dashboard.wording import SCORE_HELP

MORE = "self_influence > ? AND NOT isnan(self_influence)"


def score_row(row: pd.Series, tables: RunTables) -> None:
    """The scores of a training pair, side by side.

    Args:
        row: the pair's row of `scores`.
        tables: of the run.
    """
    hurts, number = row["influence"] < 0, tables.count("ranked")
    facts = [
        ("Suspicion", "suspicion", f"{row['suspicion']:.2f}", f"rank {row['suspicion_rank']:,} of {number:,}"),
        ("Fit (CLIP score)", "clip_score", f"{row['clip_score']:.2f}", "cosine, 1 fits best"),
        ("Loss", "pair_loss", f"{row['pair_loss']:.2f}", "nats, 0 is best"),
        ("For validation it", "influence", "hurts" if hurts else "helps", f"{row['influence']:+.1e} nats"),
    ]
    if "self_influence" in row:
        error = "" if pd.isna(row["self_influence_error"]) else f"± {row['self_influence_error']:.1g} nats · "
        rank = tables.count("ranked", MORE, [row["self_influence"]]) + 1
        facts.append(("Effect on itself", "self_influence", f"{row['self_influence']:+.2g}", f"{error}rank {rank:,}"))
    with st.container(horizontal=True):  # which wraps on a narrow screen
        for label, name, value, below in facts:
            shown = "–" if pd.isna(row[name]) else value
            st.metric(label, shown, below, delta_color="off", delta_arrow="off", border=True, help=SCORE_HELP[name])
