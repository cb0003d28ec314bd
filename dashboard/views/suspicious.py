"""Suspicious pairs: a list to filter, sort, look through and decide."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import header, run_or_stop
from dashboard.components.bulk import bulk_outcome
from dashboard.components.filter_bar import filter_bar, listing, nothing_listed
from dashboard.components.list_state import filters_of_url, sort_of_url
from dashboard.components.look_next import look_next
from dashboard.components.pair_list import pair_list
from dashboard.components.saved_filters import saved_filters
from dashboard.state import store

SHOWN = "suspicious_shown"
LOOKS = {"list": "All, in order", "next": "Look at next"}

run = run_or_stop()
scores, decisions = cache.train_scores(run), cache.decisions(store())

header("Suspicious pairs", "Does the caption say what is in the picture? " + wording.KEYS_IN_WORDS)

with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    look = st.segmented_control(
        "What to look at", list(LOOKS), format_func=LOOKS.get, default="list", required=True, key="look",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    beside = st.container(width="content")
if look == "next":
    look_next(run, scores, decisions)
    st.stop()

has_signals = cache.signals(run) is not None
sort = sort_of_url() if has_signals or sort_of_url() != "learned" else "suspicion"
filters, passed_over = filters_of_url()
filters, cannot = listing(run).usable(filters)
with beside:
    saved_filters(filters, sort)
filter_bar(run, filters, sort)
with st.container():
    if wrong := passed_over + cannot:
        st.text(f"Not understood in this link, or unknown to this run, and passed over: {', '.join(wrong)}.")

signature = (run.run_id, run.revision, filters, sort)
remembered = st.session_state.get(SHOWN)
if not remembered or remembered["signature"] != signature or not remembered["pair_ids"]:
    # Decided tiles stay where they are until the list is asked for anew: nothing jumps under the hand.
    rank = cache.advice(run, store()).ranking["rank"] if sort == "learned" else None
    found = listing(run).listed(decisions, filters, sort, rank)
    numbers = (scores["suspicion_rank"] if rank is None else rank).reindex(found).tolist()
    remembered = {"signature": signature, "pair_ids": found, "ranks": numbers}
    st.session_state[SHOWN] = remembered
pair_ids = remembered["pair_ids"]

if not pair_ids:
    bulk_outcome(run)  # what is decided at once may be all that was listed
    nothing_listed(filters, listing(run).counts_without(decisions, filters))
    st.stop()

pair_list(run, pair_ids, key="suspicious", ranks=remembered["ranks"])
again = "Learn and list again" if sort == "learned" else "List again without what is decided now"
if (filters.show != "all" or sort == "learned") and st.button(again, icon=":material/refresh:"):
    del st.session_state[SHOWN]
    st.rerun()
with st.expander("How to read the bars"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.suspicion_in_words(has_signals))
