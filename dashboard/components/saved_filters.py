"""Saved filters: a name for what is filtered and sorted now, shared by all annotators. Each is a link."""

from __future__ import annotations

import streamlit as st

from dashboard.components.list_state import open_list
from dashboard.filters import Filters, query_text, read_query_text
from dashboard.listing import SORTS
from dashboard.places import decisions_place
from dashboard.state import annotator
from engine.errors import EcifError
from engine.review.saved_filters import MAX_NAME_CHARACTERS, SavedFilter, SavedFilterStore

NAME, CHOSEN, SAID = "filter_name", "filter_chosen", "filter_said"


def saved_filters(filters: Filters, sort: str) -> None:
    """A button with the saved filters behind it: open, delete, and save what stands in the URL.

    Args:
        filters: what stands there.
        sort: the order that stands there.
    """
    with st.popover(
        "Saved filters", icon=":material/bookmark:", key="saved_filters_open", on_change="rerun"
    ) as popover:
        if not popover.open:
            return
        saved = {one.name: one for one in _store(decisions_place()).all()}
        if saved:
            _choose(saved)
        else:
            st.markdown("**None saved yet.** Save filters and order under a name, to come back or to share them.")
        st.text_input(
            "Name", key=NAME, max_chars=MAX_NAME_CHARACTERS, placeholder="Foxes that hurt as a negative",
        )  # fmt: skip
        st.button("Save what is filtered now", icon=":material/bookmark_add:", on_click=_save, args=(filters, sort))
        if said := st.session_state.pop(SAID, None):
            st.text(said)  # names are strangers' text


def _choose(saved: dict[str, SavedFilter]) -> None:
    name = st.selectbox("Saved filters", list(saved), key=CHOSEN)
    chosen = saved[name]
    st.text(f"Saved by {chosen.saved_by}, {chosen.saved_at[:10]}")
    with st.container(horizontal=True):
        st.button("Open", icon=":material/open_in_new:", type="primary", on_click=_open, args=(chosen.link,))
        st.button("Delete", icon=":material/delete:", on_click=_delete, args=(name,))


def _open(link: str) -> None:
    parameters = read_query_text(link)
    sort = parameters.get("sort", [""])[-1]
    open_list(Filters.from_url(parameters)[0], sort if sort in SORTS else "suspicion")


def _save(filters: Filters, sort: str) -> None:
    name = st.session_state[NAME].strip()
    if not name:
        st.session_state[SAID] = "Give it a name first."
        return
    try:
        is_new = _store(decisions_place()).save(name, query_text(filters, sort), annotator())
    except EcifError as error:
        st.session_state[SAID] = str(error)
        return
    st.session_state[SAID] = f"Saved as “{name}”." if is_new else f"“{name}” was there before; it is replaced."
    st.session_state[NAME], st.session_state[CHOSEN] = "", name


def _delete(name: str) -> None:
    _store(decisions_place()).delete(name)
    st.session_state[SAID] = f"“{name}” is deleted."


@st.cache_resource
def _store(place: str) -> SavedFilterStore:
    return SavedFilterStore.open(place)
