"""Facts about one pair: its scores, in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.wording import SCORE_HELP


def score_row(row: pd.Series, scores: pd.DataFrame) -> None:
    """The scores of a training pair, side by side.

    Args:
        row: the pair's row of `scores`.
        scores: of all training pairs; runs of an earlier version have no self_influence.
    """
    hurts = row["influence"] < 0
    facts = [
        ("Suspicion", "suspicion", f"{row['suspicion']:.2f}", f"rank {row['suspicion_rank']:,} of {len(scores):,}"),
        ("Fit (CLIP score)", "clip_score", f"{row['clip_score']:.2f}", "cosine, 1 fits best"),
        ("Loss", "pair_loss", f"{row['pair_loss']:.2f}", "nats, 0 is best"),
        ("For validation it", "influence", "hurts" if hurts else "helps", f"{row['influence']:+.1e} nats"),
    ]
    if "self_influence" in row:
        error = "" if pd.isna(row["self_influence_error"]) else f"± {row['self_influence_error']:.1g} nats · "
        rank = (scores["self_influence"] > row["self_influence"]).sum() + 1
        facts.append(("Effect on itself", "self_influence", f"{row['self_influence']:+.2g}", f"{error}rank {rank:,}"))
    with st.container(horizontal=True):  # which wraps on a narrow screen
        for label, name, value, below in facts:
            shown = "–" if pd.isna(row[name]) else value
            st.metric(label, shown, below, delta_color="off", delta_arrow="off", border=True, help=SCORE_HELP[name])
