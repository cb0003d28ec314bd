"""What lies in the chosen area of the map, in a few words beside it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.pair_map import SUSPICIOUS_SHARE, PairMap, area_of, gathering

MOST_LABELS = 4


def chosen_area(chosen: pd.DataFrame, num_pairs: int, decided: pd.Index) -> None:
    """Facts about the pairs of an area.

    Args:
        chosen: of `dashboard.pair_map.pairs_inside`; may be empty.
        num_pairs: all training pairs.
        decided: pair_ids with a standing decision.
    """
    st.metric("Pairs in the area", f"{len(chosen):,}", f"of {num_pairs:,}", delta_color="off", delta_arrow="off")
    if chosen.empty:
        st.markdown("There is nobody here. Draw round some points.")
        return
    few = max(1, round(SUSPICIOUS_SHARE * num_pairs))
    suspicious = int((chosen["suspicion_rank"] <= few).sum())
    st.markdown(
        f"**{suspicious:,}** of the {few:,} most suspicious pairs are here; "
        f"by chance it would be {few * len(chosen) / num_pairs:,.0f}."
    )
    if "p_wrong" in chosen and chosen["p_wrong"].notna().any():
        st.markdown(f"About **{chosen['p_wrong'].sum():,.0f}** captions here are estimated to be wrong.")
    st.markdown(f"**{chosen.index.isin(decided).sum():,}** are decided.")
    labels = chosen["label"].value_counts().head(MOST_LABELS)
    if len(labels):
        st.markdown("Labels here:")
        st.text("\n".join(f"{count:,} × {label}" for label, count in labels.items()))


def no_area_yet(shown: PairMap, on_area: Callable[[str], None]) -> None:
    """What to do first: draw, or look where suspicious pairs gather.

    Args:
        shown: the map.
        on_area: takes the text of the area that a click chooses.
    """
    st.markdown("**Draw round a group of points** to list its pairs below and decide them.")
    st.markdown("Points that are near each other are alike. How far apart groups lie means nothing.")
    if len(shown.drawn) < len(shown.points):
        st.markdown(
            f"{len(shown.drawn):,} of {len(shown.points):,} pairs are drawn, the most suspicious among them. "
            "An area takes **all** pairs that lie in it."
        )
    corners = gathering(shown.points.astype(np.int64))
    if corners is not None:
        st.button(
            "Where suspicious pairs gather",
            icon=":material/center_focus_strong:",
            on_click=on_area,
            args=(area_of(corners),),
            wrap=True,
        )
