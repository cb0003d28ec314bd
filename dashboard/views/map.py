"""Map: all pairs at a glance; what lies in an area drawn on it can be decided."""

import streamlit as st

from dashboard import cache
from dashboard.components import address
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.chosen_area import chosen_area, no_area_yet
from dashboard.components.list_steps import remember_list
from dashboard.components.map_plot import map_of, map_plot
from dashboard.components.pair_list import PAGE, pair_list
from dashboard.pair_map import colours, corners_of, inside
from dashboard.state import go, store

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

scores, decisions = cache.train_scores(run), cache.decisions(store())
offered = [name for name in COLOURS if name == "decided" or (name in scores and scores[name].notna().any())]
with st.container(horizontal=True):
    kind = st.segmented_control(
        "Alike by", list(MAPS), format_func=MAPS.get, default="image", required=True, key="alike", bind="query-params",
        on_change=choose_area, args=("",),
    )  # fmt: skip
    colour = st.selectbox("Colour", offered, format_func=COLOURS.get, key="colour", bind="query-params", width=240)

shown = map_of(run, kind)
corners = corners_of(st.query_params.get(AREA))
area = st.query_params[AREA] if corners is not None else None
pair_ids = [] if corners is None else shown.pair_ids[inside(shown.points, corners)].tolist()
plot, side = st.columns([7, 2], gap="medium")
with plot:
    opened = map_plot(run, kind, colours(colour, scores, decisions), area=area, key="pair_map", on_area=choose_area)
    if opened:
        remember_list(pair_ids)
        go("pair", pair=opened)
if corners is None:
    with side:
        no_area_yet(shown, choose_area)
    st.stop()

with side:
    chosen_area(scores.loc[pair_ids], scores, decisions.index)
if pair_ids:
    st.subheader("Pairs in the area, most suspicious first", anchor=False)
    pair_list(run, pair_ids, key="map")
