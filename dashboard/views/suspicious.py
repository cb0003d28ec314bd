"""Suspicious pairs: a list to filter, sort, look through and decide."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import header, run_or_stop
from dashboard.components.bulk import bulk_outcome
from dashboard.components.filter_bar import filter_bar, nothing_listed
from dashboard.components.list_state import filters_of_url, list_again, sort_of_url, standing_list
from dashboard.components.look_next import learned_among, look_next
from dashboard.components.pair_list import pair_list
from dashboard.components.saved_filters import saved_filters

LOOKS = {"list": "All, in order", "next": "Look at next"}

run = run_or_stop()
listing = cache.listing(run)

header("Suspicious pairs", "Does the caption say what is in the picture? " + wording.KEYS_IN_WORDS)

with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    look = st.segmented_control(
        "What to look at", list(LOOKS), format_func=LOOKS.get, default="list", required=True, key="look",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    beside = st.container(width="content")
if look == "next":
    look_next(run)
    st.stop()

sort = sort_of_url() if listing.has_signals or sort_of_url() != "learned" else "suspicion"
filters, passed_over = filters_of_url()
filters, cannot = listing.usable(filters)
with beside:
    saved_filters(filters, sort)
filter_bar(run, filters, sort)
with st.container():
    if wrong := passed_over + cannot:
        st.text(f"Not understood in this link, or unknown to this run, and passed over: {', '.join(wrong)}.")

listed = standing_list(run, filters, sort)
if not listing.count(listed):
    bulk_outcome(run)  # what is decided at once may be all that was listed
    nothing_listed(filters, listing.counts_without(listed))
    st.stop()

if sort == "learned":
    learned_among(run)
pair_list(run, listed, key="suspicious")
again = "Learn and list again" if sort == "learned" else "List again without what is decided now"
if (filters.show != "all" or sort == "learned") and st.button(again, icon=":material/refresh:"):
    list_again()
    st.rerun()
with st.expander("How to read the bars"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.suspicion_in_words(listing.has_signals))
