"""Suspicious pairs: a ranked gallery to look through and decide."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.look_next import look_next
from dashboard.components.pair_list import pair_list
from dashboard.state import store
from dashboard.tables import filtered, labels_of

SHOWN = "suspicious_shown"
LOOKS = {"list": "All, in order", "next": "Look at next"}

run = run_or_stop()
scores, decisions = cache.train_scores(run), cache.decisions(store())

header("Suspicious pairs", "Does the caption say what is in the picture? " + wording.KEYS_IN_WORDS)

look = st.segmented_control(
    "What to look at", list(LOOKS), format_func=LOOKS.get, default="list", required=True, key="look",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
if look == "next":
    look_next(run, scores, decisions)
    st.stop()

has_signals = cache.signals(run) is not None
sorts = [name for name in wording.SORTS if has_signals or name != "learned"]
with st.container(horizontal=True):
    sort = st.selectbox("Order", sorts, format_func=wording.SORTS.get, key="sort", bind="query-params", width=230)
    show = st.segmented_control(
        "Show",
        list(wording.SHOWS),
        format_func=wording.SHOWS.get,
        default="open",
        required=True,
        key="show",
        bind="query-params",
    )
    labels = st.multiselect(
        "Label", labels_of(scores["label"]), key="label", bind="query-params", placeholder="All labels", width=190
    )
    words = st.text_input(
        "Words in the caption", key="words", bind="query-params", placeholder="red bus", type="search", width=190
    )

signature = (run.run_id, sort, show, tuple(labels), words)
remembered = st.session_state.get(SHOWN)
if remembered is None or remembered["signature"] != signature:
    # Decided tiles stay where they are until the list is asked for anew: nothing jumps under the hand.
    rank = cache.advice(run, store()).ranking["rank"] if sort == "learned" else scores["suspicion_rank"]
    found = filtered(scores.assign(rank=rank), decisions.index, show, labels, words, sort)
    remembered = {"signature": signature, "pair_ids": found.index.tolist(), "ranks": found["rank"].tolist()}
    st.session_state[SHOWN] = remembered
pair_ids = remembered["pair_ids"]

if not pair_ids:
    empty(
        "All pairs are decided" if scores.index.isin(decisions.index).all() else "No pair fits these filters",
        "Take a filter away, or show decided pairs as well.",
        ":material/filter_alt_off:",
    )
    st.stop()

pair_list(run, pair_ids, key="suspicious", ranks=remembered["ranks"])
again = "Learn and list again" if sort == "learned" else "List again without what is decided now"
if (show != "all" or sort == "learned") and st.button(again, icon=":material/refresh:"):
    del st.session_state[SHOWN]
    st.rerun()
with st.expander("How to read the bars"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.suspicion_in_words(has_signals))
