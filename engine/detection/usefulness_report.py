"""What a reader sees of an experiment on the worth of cleaning: a plot that opens without a network, and tables."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

from engine.detection.options import ARMS
from engine.runs import finished_as

LEAST_WIDTH = 120


def write_usefulness(folder: Path, run_id: str, found: dict[str, Any]) -> None:
    """Write usefulness.html: every measure after every way of cleaning.

    Args:
        folder: of the experiment.
        run_id: for the title.
        found: the summary.
    """
    title = f"What cleaning is worth in {html.escape(run_id)}"
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font-family:sans-serif;margin:2rem}</style>"
        f"<h1>{title}</h1><p>On held-out pairs, after training on all pairs (none), without the flagged ones, without "
        "as many random ones, and without exactly the wrong ones (oracle) — or with these relabelled. Bars are 95 % "
        f"intervals over test pairs and seeds.</p>{_bars(found).to_html(full_html=False, include_plotlyjs=True)}</html>"
    )
    with finished_as(folder / "usefulness.html") as part:
        part.write_text(text, encoding="utf-8")


def print_usefulness(folder: Path) -> None:
    """Print the figures of a finished experiment."""
    console, found = Console(), json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    console.width = max(console.width, LEAST_WIDTH)
    action = found["options"]["action"]
    table = Table("noise", "measure", *ARMS, "recovered", "95 %", "by random", title=f"Right answers after: {action}")
    for place in found["oracle_gain"]:
        values = {row["arm"]: row for row in _at(found["arms"], place)}
        shares = {row["arm"]: row for row in _at(found["recovered"], place)}
        own = shares["flagged"]
        cells = [_percent(values[arm]["value"]) for arm in ARMS]
        spread = f"{_percent(own['low'], 0)} … {_percent(own['high'], 0)}"
        cells += [_percent(own["value"], 0), spread, _percent(shares["random"]["value"], 0)]
        table.add_row(place["noise"], place["measure"], *cells)
    console.print(table)
    for row in found["flagging"]:
        console.print(
            f"{row['noise']}: {row['wrong_share']:.1%} of the pairs are wrong, {row['flagged_share']:.1%} were "
            f"flagged, {_percent(row['flagged_precision'])} of these rightly; "
            f"{row['training_seconds']:.1f} s a training."
        )


def _at(rows: list[dict[str, Any]], place: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in rows if (row["noise"], row["measure"]) == (place["noise"], place["measure"])]


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def _bars(found: dict[str, Any]) -> go.Figure:
    places = found["oracle_gain"]
    figure = make_subplots(1, len(places), subplot_titles=[f"{one['noise']}: {one['measure']}" for one in places])
    for column, place in enumerate(places, 1):
        rows = _at(found["arms"], place)
        bars = go.Bar(
            x=[row["arm"] for row in rows],
            y=[row["value"] for row in rows],
            error_y={
                "array": [row["high"] - row["value"] for row in rows],
                "arrayminus": [row["value"] - row["low"] for row in rows],
            },
            marker_color=["#999999", "#d1662c", "#bbbbbb", "#3b6fb6"],
            showlegend=False,
        )
        figure.add_trace(bars, row=1, col=column)
    return figure.update_layout(height=420, template="plotly_white").update_yaxes(tickformat=".0%")
