"""What a reader sees of a detection experiment: plots that open without a network, and tables in the terminal."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

from engine.detection.judge import FIGURES
from engine.detection.options import RECORDED
from engine.detection.summary import MEAN_FIGURES, SUSPICION
from engine.runs import finished_as

TITLES = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "precision_at_1_percent": "precision at 1 %",
    "precision_at_5_percent": "precision at 5 %",
    "precision_at_num_wrong": "precision at the number wrong",
}
LEAST_WIDTH = 150


def write_report(folder: Path, run_id: str, found: dict[str, Any]) -> None:
    """Write detection.html: AUROC and average precision of every column over the settings, shares, reliability.

    Args:
        folder: of the experiment.
        run_id: for the title.
        found: the summary.
    """
    title = f"Detection of wrong pairs in {html.escape(run_id)}"
    plots = [_over_settings(found), _estimates(found)]
    shown = [plot.to_html(full_html=False, include_plotlyjs=number == 0) for number, plot in enumerate(plots)]
    tables = [
        pd.DataFrame([{"column": row["column"], **{TITLES[name]: row[name] for name in FIGURES}} for row in some])
        .sort_values("AUROC", ascending=False)
        .to_html(index=False, float_format="%.3f", na_rep="–", border=0)
        for some in (found["overall"], *_by_setting(found).values())
    ]
    heads = ["Mean over the grid", *_by_setting(found)]
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:sans-serif;margin:2rem}table{border-collapse:collapse}"
        "td,th{padding:.2rem .6rem;text-align:right}td:first-child{text-align:left}</style>"
        f"<h1>{title}</h1><p>Means over {found['options']['seeds']} seeds; bars are 95 % intervals over pairs and "
        f"seeds.</p>{''.join(shown)}"
        + "".join(f"<h2>{html.escape(head)}</h2>{table}" for head, table in zip(heads, tables, strict=True))
        + "</html>"
    )
    with finished_as(folder / "detection.html") as part:
        part.write_text(text, encoding="utf-8")


def print_detection(folder: Path) -> None:
    """Print the figures of a finished experiment."""
    console, found = Console(), json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    console.width = max(console.width, LEAST_WIDTH)
    settings = _by_setting(found)
    for figure in MEAN_FIGURES:
        table = Table("signal", "mean", "95 %", *settings, title=f"{TITLES[figure]}, mean over seeds")
        for row in sorted(found["overall"], key=lambda one: -(one[figure] or 0)):
            cells = [next(r[figure] for r in some if r["column"] == row["column"]) for some in settings.values()]
            spread = f"{_cell(row[f'{figure}_low'])} … {_cell(row[f'{figure}_high'])}"
            style = "bold" if row["column"] == SUSPICION else ""
            table.add_row(row["column"], _cell(row[figure]), spread, *map(_cell, cells), style=style)
        console.print(table)
    table = Table("noise", "best single", "AUROC", "suspicion", "difference", "95 %", title="Suspicion and the best")
    for row in found["against_best"]:
        spread = f"{row['gap_low']:+.3f} … {row['gap_high']:+.3f}"
        figures = [f"{row['best_auroc']:.3f}", f"{row['suspicion_auroc']:.3f}", f"{row['gap']:+.3f}", spread]
        table.add_row(_name(row), row["best_single"], *figures)
    console.print(table)
    _print_margins(console, found)
    table = Table("noise", "true share", "estimated", "least … largest", "mean error", title="Share of wrong pairs")
    for row in found["shares"]:
        spread = f"{_cell(row['least'])} … {_cell(row['largest'])}"
        table.add_row(
            _name(row), _cell(row["true_share"]), _cell(row["estimated_share"]), spread, _cell(row["mean_error"])
        )
    console.print(table)
    console.print(
        f"Worst difference of suspicion to the best single signal: {found['worst_gap']:+.3f} AUROC in a setting "
        f"(mean over seeds), {found['worst_gap_of_a_cell']:+.3f} in one cell. "
        f"{found['seconds_per_cell']:.1f} s per cell."
    )


def _print_margins(console: Console, found: dict[str, Any]) -> None:
    singles = [row for row in found["margins"] if row["single"]]
    for figure in MEAN_FIGURES:
        nearest = min(
            (row for row in singles if row[figure]["value"] is not None), key=lambda row: row[figure]["value"]
        )
        one = nearest[figure]
        console.print(
            f"Mean {TITLES[figure]} of suspicion above the best single signal over the grid ({nearest['column']}): "
            f"{one['value']:+.3f} (95 % {one['low']:+.3f} … {one['high']:+.3f})"
        )


def _name(row: dict[str, Any]) -> str:
    return row["noise"] if row["noise"] == RECORDED else f"{row['noise']} {row['ratio']:.0%}"


def _by_setting(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in found["settings"]:
        grouped.setdefault(_name(row), []).append(row)
    return grouped


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _over_settings(found: dict[str, Any]) -> go.Figure:
    figure = make_subplots(1, 2, subplot_titles=[TITLES[name] for name in MEAN_FIGURES])
    settings = _by_setting(found)
    for number, name in enumerate(row["column"] for row in found["overall"]):
        rows = [next(one for one in some if one["column"] == name) for some in settings.values()]
        for column, kind in enumerate(MEAN_FIGURES, 1):
            values = pd.DataFrame(rows)[[kind, f"{kind}_low", f"{kind}_high"]].astype(float)
            figure.add_trace(
                go.Scatter(
                    x=list(settings),
                    y=values[kind],
                    error_y={
                        "array": values[f"{kind}_high"] - values[kind],
                        "arrayminus": values[kind] - values[f"{kind}_low"],
                        "width": 2,
                    },
                    mode="lines+markers",
                    line={"width": 4 if name == SUSPICION else 1.5},
                    marker={"color": None if name != SUSPICION else "#d1662c"},
                    line_color="#d1662c" if name == SUSPICION else None,
                    name=name,
                    legendgroup=str(number),
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    return figure.update_layout(height=520, template="plotly_white", font={"size": 12})


def _estimates(found: dict[str, Any]) -> go.Figure:
    """Estimated against true: the share of wrong pairs, and the probability of single pairs."""
    figure = make_subplots(1, 2, subplot_titles=["Share of wrong pairs", "Probability that a pair is wrong"])
    shares, bins = found["shares"], found["reliability"]
    points = [
        ([row["true_share"] for row in shares], [row["estimated_share"] for row in shares], [_name(r) for r in shares]),
        ([row["real"] for row in bins], [row["estimated"] for row in bins], [f"{row['pairs']} pairs" for row in bins]),
    ]
    for column, (real, estimated, texts) in enumerate(points, 1):
        figure.add_trace(
            go.Scatter(x=real, y=estimated, text=texts, mode="markers", marker={"size": 9}, showlegend=False),
            row=1,
            col=column,
        )
        line = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "#999999", "dash": "dot"}, showlegend=False)
        figure.add_trace(line.update(hoverinfo="skip"), row=1, col=column)
    return (
        figure.update_xaxes(title_text="true")
        .update_yaxes(title_text="estimated")
        .update_layout(height=420, template="plotly_white", font={"size": 12})
    )
