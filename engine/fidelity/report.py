"""What a reader sees of an experiment: a plot that opens without a network, and a table in the terminal."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

from engine.fidelity.groups import FLAGGED, RANDOM
from engine.runs import finished_as

COLORS = {RANDOM: "#3b6fb6", FLAGGED: "#d1662c"}
PLOTS_PER_ROW = 3
SHOWN = {
    "method": "method",
    "lds_random": "LDS random",
    "lds_random_low": "low",
    "lds_random_high": "high",
    "lds_all": "LDS all",
    "slope_random": "slope random",
    "slope_all": "slope all",
    "relative_error_all": "relative error",
    "accuracy_points_apart": "accuracy apart (points)",
    "seconds_per_group": "seconds per group",
    "share_of_retraining_time": "time / retraining",
}
LEAST_WIDTH = 150


def write_report(
    folder: Path, run_id: str, methods: pd.DataFrame, predictions: pd.DataFrame, truth: pd.DataFrame
) -> None:
    """Write fidelity.html: predicted against retrained change for the main methods, and the table of all.

    Args:
        folder: of the experiment.
        run_id: for the title.
        methods: figures per method.
        predictions: one row per group and method.
        truth: one row per group.
    """
    plot = _scatter(methods, predictions, truth).to_html(full_html=False, include_plotlyjs=True)
    table = methods[list(SHOWN)].rename(columns=SHOWN).to_html(index=False, float_format="%.3f", na_rep="–", border=0)
    title = f"Fidelity of {html.escape(run_id)}"
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:sans-serif;margin:2rem}table{border-collapse:collapse}"
        "td,th{padding:.2rem .6rem;text-align:right}td:first-child{text-align:left}</style>"
        f"<h1>{title}</h1><p>Change of the validation loss [nats per pair] when a group of training pairs is taken "
        "out: predicted (across) and after retraining (up). On the line a prediction is right.</p>"
        f"{plot}{table}</html>"
    )
    with finished_as(folder / "fidelity.html") as part:
        part.write_text(text, encoding="utf-8")


def print_fidelity(folder: Path) -> None:
    """Print the figures of a finished experiment."""
    console, found = Console(), json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    console.width = max(console.width, LEAST_WIDTH)
    fit, truth = found["fit"], found["retraining"]
    console.print(
        f"{fit['num_pairs']} pairs, {fit['num_parameters']} parameters, validation loss "
        f"{fit['validation_loss_at_start']:.3f} → {fit['validation_loss']:.3f}; ‖∇J(θ̂)‖ {fit['gradient_norm']:.1e}."
    )
    console.print(
        f"{truth['converged']} of {truth['groups']} retrainings converged (worst ‖∇J‖ "
        f"{truth['worst_gradient_norm']:.1e}), {truth['mean_seconds']:.2f} s each; from θ̂ instead, the change "
        f"differs by {truth['restart_difference']:.1%} of the spread over random groups."
    )
    table = Table(*SHOWN.values(), title="Predicted against retrained change of the validation loss")
    for row in found["methods"]:
        table.add_row(*(_cell(row[name]) for name in SHOWN))
    console.print(table)
    for name, margin in found["margin_of_closed_form_random"].items():
        console.print(
            f"Closed form above {name}: {margin['value']:+.3f} LDS on random groups "
            f"(95 % {margin['low']:+.3f} … {margin['high']:+.3f})"
        )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _scatter(methods: pd.DataFrame, predictions: pd.DataFrame, truth: pd.DataFrame) -> go.Figure:
    main = methods[(methods["kind"] == "refined") | ((methods["role"] == "both") & (methods["term"] == "group"))]
    rows = -(-len(main) // PLOTS_PER_ROW)
    titles = [f"{one.method}<br>LDS random {one.lds_random:.2f}, all {one.lds_all:.2f}" for one in main.itertuples()]
    figure = make_subplots(rows, PLOTS_PER_ROW, subplot_titles=titles, vertical_spacing=0.3 / rows)
    for number, method in enumerate(main["method"]):
        place = {"row": number // PLOTS_PER_ROW + 1, "col": number % PLOTS_PER_ROW + 1}
        some = predictions[predictions["method"] == method].set_index("group").loc[truth["group"]]
        for kind, color in COLORS.items():
            use = (truth["kind"] == kind).to_numpy()
            figure.add_trace(
                go.Scatter(
                    x=some["predicted"].to_numpy()[use],
                    y=truth["loss_change"].to_numpy()[use],
                    mode="markers",
                    marker={"color": color, "size": 6},
                    name=f"{kind} groups",
                    legendgroup=kind,
                    showlegend=number == 0,
                    customdata=truth["group"].to_numpy()[use],
                    hovertemplate="group %{customdata}<br>predicted %{x:.2e}<br>retrained %{y:.2e}<extra></extra>",
                ),
                **place,
            )
        ends = truth["loss_change"].agg(["min", "max"]).to_numpy()
        line = go.Scatter(x=ends, y=ends, mode="lines", line={"color": "#999999", "dash": "dot"}, showlegend=False)
        figure.add_trace(line.update(hoverinfo="skip"), **place)
    return figure.update_layout(height=60 + 380 * rows, template="plotly_white", font={"size": 12}).update_annotations(
        font_size=13
    )
