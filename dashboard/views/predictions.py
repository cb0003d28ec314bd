"""Predictions: what the model gets wrong on test pairs; a click opens the Trace-back."""

import streamlit as st

from dashboard import cache, charts
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.gallery import gallery
from dashboard.state import go
from dashboard.tables import labels_of, prediction_tiles
from engine.runs import is_wrong

PAGE_SIZE = 30
KINDS = {"classification": "Naming pictures", "retrieval": "Finding captions"}
SHOWS = {"wrong": "Wrong", "all": "All"}
ANY = "any"

run = run_or_stop()
queries, pairs = cache.table(run, "queries"), cache.pairs(run)
queries = queries[queries["kind"] != "validation"]
kinds = [kind for kind in KINDS if (queries["kind"] == kind).any()]

header(
    "Predictions",
    "What the model says about test pictures it never learned from. **Click a mistake to see who taught it.**",
)

with st.container(horizontal=True):
    kind = st.segmented_control(
        "Task", kinds, format_func=KINDS.get, default=kinds[0], required=True, key="task", bind="query-params"
    )
    show = st.segmented_control(
        "Show", list(SHOWS), format_func=SHOWS.get, default="wrong", required=True, key="only", bind="query-params"
    )
    if kind == "classification":
        true = st.selectbox("True class", [ANY, *labels_of(queries["true_label"][queries["kind"] == kind])],
                            key="true", bind="query-params", width=180)  # fmt: skip
        said = st.selectbox("The model says", [ANY, *labels_of(queries["predicted_label"][queries["kind"] == kind])],
                            key="said", bind="query-params", width=180)  # fmt: skip
    else:
        true = said = ANY

of_kind = queries[queries["kind"] == kind]
correct = ~is_wrong(of_kind)
listed = of_kind if show == "all" else of_kind[~correct]
if true != ANY:
    listed = listed[listed["true_label"] == true]
if said != ANY:
    listed = listed[listed["predicted_label"] == said]
listed = listed.sort_values("margin", ascending=False)
st.markdown(
    f"**{int((~correct).sum())} of {len(of_kind)} wrong** ({correct.mean():.1%} right) · "
    f"{len(listed)} listed, surest mistakes first"
)

if kind == "classification" and (~correct).any():
    with st.expander("Which classes are taken for which", expanded=False, icon=":material/grid_on:"):
        st.plotly_chart(charts.confusion_matrix(of_kind), config=charts.CONFIG, width="content")

if listed.empty:
    empty(
        "Nothing wrong here",
        "The model gets all of these right. Show **All**, or take a filter away.",
        ":material/check_circle:",
    )
    st.stop()

place = st.container()
num_pages = -(-len(listed) // PAGE_SIZE)
page = st.pagination(num_pages, key="predictions_page", bind="query-params") if num_pages > 1 else 1
shown = listed.iloc[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
with place:
    opened = gallery(prediction_tiles(shown, pairs, run.run_id), key="predictions_gallery")
if opened:
    go("trace_back", query=opened)
