"""The ranks that two rankings give the same pairs, as a scatter. No Streamlit here."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts import HELPS, HURTS, MARGIN, NEUTRAL
from dashboard.comparison import REGIONS

COLORS = {"neither": NEUTRAL, "a": HURTS, "b": HELPS, "both": "#7c3aed"}
SYMBOLS = {"neither": "circle", "a": "triangle-up", "b": "diamond", "both": "square"}
"""regions are told apart without colour, too"""


def rank_scatter(ranks: pd.DataFrame, top: int | None) -> go.Figure:
    """Rank by A along, rank by B up; the most suspect pairs are at the lower left.

    Args:
        ranks: rank_a, rank_b, region of the pairs to draw.
        top: where the flagged part ends on both axes; None draws no lines.
    """
    figure = go.Figure()
    for region in ("neither", "a", "b", "both"):
        own = ranks[ranks["region"] == region]
        is_flagged = region != "neither"
        figure.add_trace(
            go.Scattergl(
                x=own["rank_a"],
                y=own["rank_b"],
                mode="markers",
                name=REGIONS[region],
                marker={
                    "color": COLORS[region],
                    "symbol": SYMBOLS[region],
                    "size": 6 if is_flagged else 4,
                    "opacity": 0.8 if is_flagged else 0.3,
                },
                hovertemplate="rank %{x:,} by A, %{y:,} by B<extra></extra>",
            )
        )
    if top is not None:
        for line in (figure.add_vline, figure.add_hline):
            line(**{"x" if line == figure.add_vline else "y": top + 0.5}, line_color=NEUTRAL, line_width=1)
    figure.update_layout(
        height=340,
        margin=MARGIN,
        xaxis={"title": "rank by A (1 = most suspect)", "rangemode": "tozero", "showgrid": False},
        yaxis={"title": "rank by B", "rangemode": "tozero", "showgrid": False},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )
    return figure
