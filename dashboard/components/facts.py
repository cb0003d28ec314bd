"""Facts about one pair: its scores, in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.wording import SCORE_HELP


def score_row(row: pd.Series, num_pairs: int) -> None:
    """The scores of a training pair, side by side."""
    hurts = row["influence"] < 0
    facts = [
        ("Suspicion", "suspicion", f"{row['suspicion']:.2f}", f"rank {row['suspicion_rank']:,} of {num_pairs:,}"),
        ("Fit (CLIP score)", "clip_score", f"{row['clip_score']:.2f}", "cosine, 1 fits best"),
        ("Loss", "pair_loss", f"{row['pair_loss']:.2f}", "nats, 0 is best"),
        ("For validation it", "influence", "hurts" if hurts else "helps", f"{row['influence']:+.1e} nats"),
    ]
    for column, (label, name, value, below) in zip(st.columns(len(facts)), facts, strict=True):
        shown = "–" if pd.isna(row[name]) else value
        column.metric(label, shown, below, delta_color="off", delta_arrow="off", border=True, help=SCORE_HELP[name])
