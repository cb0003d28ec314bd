"""Plotly figures. Orange hurts, teal helps, everywhere; both are told apart by every common kind of colour vision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.what_if_words import METRICS

HURTS, HELPS, NEUTRAL = "#ea580c", "#0d9488", "#64748b"
CHECKED = "#2563eb"
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
CONFIG = {"displayModeBar": False, "displaylogo": False}


def histogram(values: pd.Series, title: str) -> go.Figure:
    """How a score is spread over the pairs.

    The bins are computed here: the browser gets forty numbers, not one per pair.
    """
    counts, edges = np.histogram(values.dropna().to_numpy(dtype=float), bins=40)
    middles = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure(go.Bar(x=middles, y=counts, marker_color=NEUTRAL, width=np.diff(edges) * 0.92))
    figure.update_traces(hovertemplate="%{x:.3g}: %{y} pairs<extra></extra>")
    figure.update_layout(height=220, margin=MARGIN, bargap=0, xaxis_title=title, showlegend=False)
    return figure


def signed_histogram(values: pd.Series, title: str) -> go.Figure:
    """A histogram of influences, orange below 0 and teal above; the outermost 1 % on either side is left out."""
    numbers = values.dropna()
    low, high = numbers.quantile(0.01), numbers.quantile(0.99)
    figure = histogram(numbers[(numbers >= low) & (numbers <= high)], title)
    x = np.asarray(figure.data[0].x)
    figure.update_traces(marker_color=np.where(x < 0, HURTS, HELPS))
    return figure


def role_bars(positive: float, negative: float) -> go.Figure:
    """Influence of one pair by role, in nats."""
    names, values = ["both roles", "as a negative", "own match"], [positive + negative, negative, positive]
    colors = [HURTS if value < 0 else HELPS for value in values]
    figure = go.Figure(go.Bar(x=values, y=names, orientation="h", marker_color=colors, width=0.55))
    figure.update_traces(hovertemplate="%{y}: %{x:.2e} nats<extra></extra>")
    figure.add_vline(x=0, line_color=NEUTRAL, line_width=1)
    largest = max(abs(value) for value in values) or 1.0
    figure.update_layout(
        height=170, margin=MARGIN, xaxis={"range": [-1.1 * largest, 1.1 * largest], "tickformat": ".1e", "nticks": 5}
    )
    return figure


def precision_curve(curve: pd.DataFrame, half: int) -> go.Figure:
    """Estimated share of wrong pairs among the k most suspect, with a mark where it falls below one half.

    Args:
        curve: depth, precision.
        half: depth of the mark; 0 for none.
    """
    figure = go.Figure(
        go.Scatter(x=curve["depth"], y=curve["precision"], mode="lines", fill="tozeroy", line={"color": HURTS})
    )
    figure.update_traces(hovertemplate="of the %{x} most suspect about %{y:.0%} are wrong<extra></extra>")
    figure.add_hline(y=0.5, line_color=NEUTRAL, line_width=1, line_dash="dot")
    if half:
        figure.add_vline(x=half, line_color=NEUTRAL, line_width=1, line_dash="dot")
        figure.add_annotation(x=half, y=1.0, text=f"{half:,} pairs", showarrow=False, xanchor="left", xshift=6)
    figure.update_layout(
        height=210,
        margin=MARGIN,
        showlegend=False,
        xaxis={"title": "pairs looked at, most suspect first", "rangemode": "tozero"},
        yaxis={"title": "wrong among them", "tickformat": ".0%", "range": [0, 1.05]},
    )
    return figure


def agreement_bars(observed: pd.DataFrame) -> go.Figure:
    """What annotators called wrong beside what was estimated, by bins of the estimate, with 90 % intervals.

    Args:
        observed: of `findings.observed_by_estimate`.
    """
    names = [f"{low:.0%}–{high:.0%}" for low, high in zip(observed["low"], observed["high"], strict=True)]
    counts = [f"{wrong} of {decided}" for wrong, decided in zip(observed["wrong"], observed["decided"], strict=True)]
    above, below = observed["observed_high"] - observed["observed"], observed["observed"] - observed["observed_low"]
    figure = go.Figure(
        [
            go.Bar(
                x=names, y=observed["estimated"], name="estimated", marker_color=NEUTRAL, opacity=0.55,
                hovertemplate="estimated %{y:.0%}<extra></extra>",
            ),
            go.Bar(
                x=names, y=observed["observed"], name="found by annotators", marker_color=HURTS, customdata=counts,
                error_y={"type": "data", "array": above, "arrayminus": below, "color": NEUTRAL, "thickness": 1.5},
                hovertemplate="found wrong: %{customdata}<extra></extra>",
            ),
        ]
    )  # fmt: skip
    figure.update_layout(
        height=210,
        margin=MARGIN,
        barmode="group",
        xaxis={"title": "estimated probability of being wrong"},
        yaxis={"tickformat": ".0%", "range": [0, 1.05]},
        legend={"orientation": "h", "y": 1.18, "x": 0},
    )
    return figure


def predicted_and_retrained(predicted: dict[str, dict[str, Any]], retrained: dict[str, dict[str, Any]]) -> go.Figure:
    """Change of each metric as predicted and as retrained, with 90 % intervals; one panel per metric.

    Args:
        predicted: by metric: change, low, high (None without an interval).
        retrained: the same of the retrained model.
    """
    shown = [name for name in METRICS if name in predicted and name in retrained]
    figure = make_subplots(rows=1, cols=len(shown), subplot_titles=[METRICS[name] for name in shown])
    for column, name in enumerate(shown, start=1):
        factor, unit = (1, "nats") if name == "validation_loss" else (100, "points")
        for label, color, one in (("predicted", NEUTRAL, predicted[name]), ("retrained", CHECKED, retrained[name])):
            has_interval = one["low"] is not None
            x, low, high = (factor * (one[key] if has_interval else one["change"]) for key in ("change", "low", "high"))
            reach = {"type": "data", "array": [high - x], "arrayminus": [x - low], "color": color, "thickness": 2}
            figure.add_trace(
                go.Scatter(
                    x=[x], y=[label], mode="markers", name=label, showlegend=False, error_x=reach,
                    marker={"color": color, "size": 12}, hovertemplate=f"{label}: %{{x:+.3g}} {unit}<extra></extra>",
                ),
                row=1, col=column,
            )  # fmt: skip
        figure.add_vline(x=0, line_color=NEUTRAL, line_width=1, line_dash="dot", row=1, col=column)
        figure.update_xaxes(title=f"change [{unit}]", row=1, col=column)
        figure.update_yaxes(
            showticklabels=column == 1, range=[-0.6, 1.6], categoryarray=["retrained", "predicted"], row=1, col=column
        )
    figure.update_layout(height=210, margin={**MARGIN, "t": 32})
    return figure
