"""Predictions: what the model gets wrong on test pairs, and what for; a click opens the Trace-back."""

import streamlit as st

from dashboard import cache
from dashboard.components import address
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.confusion import confusion
from dashboard.components.prediction_cards import prediction_list
from dashboard.predictions import listed_predictions, pairs_on, prediction_cards
from dashboard.state import Key, go
from dashboard.tables import labels_of
from engine.runs import is_wrong

PAGE_SIZE, PAGE = 30, "predictions_page"
KINDS = {"classification": "Naming pictures", "retrieval": "Finding captions"}
SHOWS = {"wrong": "Wrong", "all": "All"}
ORDERS = {"sure": "Surest mistakes first", "unsure": "Least sure first", "table": "Table order"}
ANY = "any"


def choose(true: str, said: str) -> None:
    """List one confusion; empty strings list every mistake again."""
    address.put_all({"true": true or None, "said": said or None, PAGE: None})


def class_box(label: str, key: str, names: list[str]) -> str:
    """A class to filter by, or any."""
    address.give(key, names, ANY)
    return st.selectbox(label, [ANY, *names], key=key, width=150, on_change=address.write, args=(key, ANY, PAGE))


run = run_or_stop()
address.recall("predictions", Key.QUERY)
queries = cache.table(run, "queries")
kinds = [kind for kind in KINDS if (queries["kind"] == kind).any()]
header(
    "Predictions",
    "What the model says about test pictures it never learned from. **Click a mistake to see who taught it.**",
)
kind = st.segmented_control(
    "Task", kinds, format_func=KINDS.get, default=kinds[0], required=True, key="task", bind="query-params",
    label_visibility="collapsed",
)  # fmt: skip
of_kind = queries[queries["kind"] == kind]
is_class, num_wrong = kind == "classification", int(is_wrong(of_kind).sum())
confused, true, said = st.container(), ANY, ANY

with st.container(horizontal=True, vertical_alignment="bottom"):
    if is_class:
        true = class_box("True class", "true", labels_of(of_kind["true_label"]))
        said = class_box("The model says", "said", labels_of(of_kind["predicted_label"]))
    show = "all"  # a true class and what the model says settle what is wrong
    if ANY in (true, said):
        show = st.segmented_control("Show", list(SHOWS), format_func=SHOWS.get, default="wrong", required=True,
                                    key="only", bind="query-params")  # fmt: skip
    order = st.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="order", bind="query-params", width=220)
    sure = st.slider("How sure the model is", 0, 100, (0, 100), format="%d%%", key="sure", bind="query-params",
                     width=220)  # fmt: skip

wanted = [None if name == ANY else name for name in (true, said)]
if is_class and num_wrong:
    with confused:
        confusion(cache.confusions(run), tuple(wanted), key="confusion", on_choose=choose)
listed = listed_predictions(of_kind, show, *wanted, sure, order)
st.markdown(
    f"**{num_wrong} of {len(of_kind)} wrong** ({1 - num_wrong / len(of_kind):.1%} right) · {len(listed)} listed"
    + ("" if is_class else f" · each picture looks for its caption among up to {int(of_kind['gallery'].max())}")
)

if listed.empty:
    empty(
        "Nothing wrong here",
        "The model gets all of these right. Show **All**, or take a filter away.",
        ":material/check_circle:",
    )
    st.stop()

place, page = st.container(), 1
num_pages = -(-len(listed) // PAGE_SIZE)
if num_pages > 1:
    address.give_page(PAGE, num_pages)
    page = st.pagination(num_pages, key=PAGE, on_change=address.write, args=(PAGE, 1))
shown = listed.iloc[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
pairs = cache.tables(run).pairs_by_id(pairs_on(shown), ["thumbnail"])
with place:
    opened = prediction_list(prediction_cards(shown, pairs, run.run_id), key="predictions_list")
if opened:
    address.remember("predictions", "true", "said", PAGE)
    go("trace_back", query=opened)
