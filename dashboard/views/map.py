"""Map: all pairs at a glance; what lies in an area drawn on it can be decided."""

from pathlib import Path

import streamlit as st

from dashboard import cache
from dashboard.components import address
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.chosen_area import chosen_area, no_area_yet
from dashboard.components.list_steps import remember_list
from dashboard.components.map_plot import map_of, map_plot
from dashboard.components.pair_list import PAGE, pair_list
from dashboard.pair_map import colours, corners_of, pairs_inside
from dashboard.state import go, store
from engine.runs import RunFolder

AREA = "area"
MAPS = {"image": "Pictures", "caption": "Captions"}
COLOURS = {
    "suspicion": "Suspicion",
    "p_wrong": "Probability of being wrong",
    "influence": "Influence",
    "label": "Label",
    "decided": "Decided or not",
}


def choose_area(area: str) -> None:
    """Put an area into the URL, "" for none, and begin its list at the first page."""
    address.put(area, AREA, "", PAGE)


@st.cache_data(max_entries=64, show_spinner=False)
def values_of(path: str, revision: str) -> list[str]:
    """The columns of `COLOURS` in which a run has values."""
    tables = cache.tables(RunFolder(Path(path)))
    names = [name for name in COLOURS if name in tables.columns("ranked")]
    counts = tables.rows(f"SELECT {', '.join(f'count({name})' for name in names)} FROM ranked").iloc[0]  # noqa: S608
    return [name for name, count in zip(names, counts, strict=True) if count]


run = run_or_stop()
header("Map", "Which pairs are alike, and where do the suspicious ones gather?")
if not run.has_table("map"):
    empty(
        "No map of this run",
        "An earlier version made this run, or it is still being computed. Run it again under another `--name` to see "
        "its map.",
        ":material/update:",
    )
    st.stop()

tables, decisions = cache.tables(run), cache.decisions(store())
offered = [name for name in COLOURS if name == "decided" or name in values_of(str(run.path), run.revision)]
with st.container(horizontal=True):
    kind = st.segmented_control(
        "Alike by", list(MAPS), format_func=MAPS.get, default="image", required=True, key="alike", bind="query-params",
        on_change=choose_area, args=("",),
    )  # fmt: skip
    colour = st.selectbox("Colour", offered, format_func=COLOURS.get, key="colour", bind="query-params", width=240)

shown = map_of(run, kind)
corners = corners_of(st.query_params.get(AREA))
area = st.query_params[AREA] if corners is not None else None
chosen = None if corners is None else pairs_inside(tables, shown, corners)
plot, side = st.columns([7, 2], gap="medium")
with plot:
    opened = map_plot(run, kind, colours(colour, shown.rows, decisions), area=area, key="pair_map", on_area=choose_area)
    if opened:
        remember_list([] if chosen is None else chosen.index.tolist())
        go("pair", pair=opened)
if chosen is None:
    with side:
        no_area_yet(shown, choose_area)
    st.stop()

with side:
    chosen_area(chosen, len(shown.points), decisions.index)
if len(chosen):
    st.subheader("Pairs in the area, most suspicious first", anchor=False)
    pair_list(run, chosen.index.tolist(), key="map")
