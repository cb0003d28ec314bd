"""Plotly figures. Orange hurts, teal helps, everywhere; both are told apart by every common kind of colour vision."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

HURTS, HELPS, NEUTRAL = "#ea580c", "#0d9488", "#64748b"
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
CONFIG = {"displayModeBar": False, "displaylogo": False}
MAX_CLASSES = 30


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


def confusion_matrix(classified: pd.DataFrame) -> go.Figure:
    """True class by predicted class; the right ones on the diagonal are grey, mistakes are orange.

    Args:
        classified: columns true_label, predicted_label; the classes with most mistakes are shown if there are many.
    """
    wrong = classified[classified["true_label"] != classified["predicted_label"]]
    frequent = pd.concat([wrong["true_label"], wrong["predicted_label"]]).value_counts().index
    names = sorted(frequent[:MAX_CLASSES]) if len(frequent) else sorted(classified["true_label"].unique())[:MAX_CLASSES]
    table = pd.crosstab(classified["true_label"], classified["predicted_label"]).reindex(
        index=names, columns=names, fill_value=0
    )
    names = [escape(str(name)) for name in names]  # Plotly would read tags in them
    counts = table.to_numpy(dtype=float)
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, np.nan)
    mistakes[mistakes == 0] = np.nan
    figure = go.Figure(
        go.Heatmap(
            z=mistakes,
            x=names,
            y=names,
            colorscale=[[0, "#fed7aa"], [1, "#c2410c"]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} called %{x}: %{z}<extra></extra>",
        )
    )
    for row, column in zip(*counts.nonzero(), strict=True):
        color = NEUTRAL if row == column else ("#ffffff" if mistakes[row, column] > 4 else "#431407")
        number = f"{counts[row, column]:.0f}"
        figure.add_annotation(x=names[column], y=names[row], text=number, showarrow=False, font={"color": color})
    figure.update_yaxes(autorange="reversed", title="true", showgrid=False)
    figure.update_xaxes(title="the model says", side="bottom", showgrid=False)
    figure.update_layout(height=90 + 26 * len(names), margin=MARGIN, plot_bgcolor="rgba(0,0,0,0)")
    return figure
