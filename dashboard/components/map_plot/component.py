"""The Python side of the map: the browser draws the points and says which area was chosen, never which pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import cache as kept
from dashboard.components.browser_part import browser_part
from dashboard.pair_map import Colours, PairMap, corners_of, label_names, map_of_run, packed
from engine.runs import RunFolder

HERE = Path(__file__).resolve().parent
SCRIPTS = ("geometry.js", "points.js", "map.js", "input.js")


def map_of(run: RunFolder, kind: str) -> PairMap:
    """The map of a run by image or by caption; kept between reruns."""
    return _map_of(str(run.path), run.revision, kind)


@st.cache_resource(max_entries=8, show_spinner=False)
def _map_of(path: str, revision: str, kind: str) -> PairMap:
    return map_of_run(kept.tables(RunFolder(Path(path))), kind)


@st.cache_resource(max_entries=8, show_spinner=False)
def _names_of(path: str, revision: str, kind: str) -> list[dict[str, Any]]:
    shown = _map_of(path, revision, kind)
    return label_names(shown.points[shown.drawn], shown.rows["label"])


def map_plot(
    run: RunFolder,
    kind: str,
    coloured: Colours,
    *,
    area: str | None,
    key: str,
    on_area: Callable[[str], None],
) -> str | None:
    """Draw a map.

    Args:
        run: with a map.
        kind: image or caption.
        coloured: of the pairs that are drawn, in the order of the map.
        area: the chosen one, as text; None for none.
        key: of the component.
        on_area: called before the page is drawn again with the text of the area that was chosen, "" for none.

    Returns:
        The pair that was clicked; None if none.
    """
    shown = map_of(run, kind)

    def take_area() -> None:
        chosen = getattr(st.session_state.get(key), "chosen", None)
        text = chosen.get("area") if isinstance(chosen, dict) else None
        if isinstance(text, str):
            on_area(text if corners_of(text) is not None else "")

    found = _component()(
        key=key,
        data={
            "points": packed(shown.points[shown.drawn].astype("<u2").tobytes()),
            "values": packed(coloured.values.tobytes()),
            "about": shown.about,
            "palette": coloured.palette,
            "legend": coloured.legend,
            "names": _names_of(str(run.path), run.revision, kind),
            "run_id": run.run_id,
            "area": area or "",
        },
        default={"chosen": None},
        on_chosen_change=take_area,
        on_opened_change=lambda: None,
    )
    opened = getattr(found, "opened", None)
    return opened if isinstance(opened, str) and opened in shown.rows.index else None


@cache
def _component() -> Callable[..., Any]:
    return browser_part(HERE, "map", "map.css", SCRIPTS)
