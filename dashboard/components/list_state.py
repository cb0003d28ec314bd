"""The list of pairs in the URL: filters, order and page are read from it in every rerun and written to nothing else.

Widgets that show a part of it are set before they are drawn and write back when they are changed; so a reload, a shared
link, the back button and a second tab all show the same list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import cache
from dashboard.filters import PARAMETERS, Filters
from dashboard.listing import SORTS, Listed
from dashboard.state import store
from engine.runs import RunFolder

SHOWN = "suspicious_shown"


def filters_of_url() -> tuple[Filters, list[str]]:
    """The filters, and a note for each value that was passed over."""
    return Filters.from_url({name: st.query_params.get_all(name) for name in PARAMETERS})


def sort_of_url() -> str:
    """The order, a key of `SORTS`; the most suspicious first if none or an unknown one is named."""
    sort = st.query_params.get("sort", "").casefold()
    return sort if sort in SORTS else "suspicion"


def standing_list(run: RunFolder, filters: Filters, sort: str) -> Listed:
    """The list that is on screen; a new one where filters, order or run are others, or nothing is left of it.

    It knows the decisions as they stood when it was made: decided tiles stay where they are until the list is asked
    for anew (`list_again`), so that nothing jumps under the hand.
    """
    listing, whose = cache.listing(run), (run.run_id, run.revision)
    remembered = st.session_state.get(SHOWN)
    if remembered and remembered[0] == whose:
        listed = remembered[1]
        if (listed.filters, listed.sort) == (filters, sort) and listing.knows(listed) and listing.count(listed):
            return listed
    listed = Listed(filters, sort, store().revision())
    if not listing.knows(listed):
        rank = cache.advice(run, store()).ranking["rank"] if sort == "learned" else None
        listing.learn(listed, cache.decisions(store()), rank)
    st.session_state[SHOWN] = (whose, listed)
    return listed


def list_now(run: RunFolder, show: str) -> Listed:
    """The most suspicious pairs first, as they are decided now.

    Args:
        run: whose pairs.
        show: a key of `SHOWS`.
    """
    now = Listed(Filters(show), "suspicion", store().revision())
    if not cache.listing(run).knows(now):
        cache.listing(run).learn(now, cache.decisions(store()))
    return now


def first_page(run: RunFolder) -> None:
    """Look at what a visitor sees first, so that it is kept."""
    listing, listed = cache.listing(run), list_now(run, "open")
    if listing.count(listed):
        listing.page(listed, 1)


def list_again() -> None:
    """Forget the list that is on screen."""
    st.session_state.pop(SHOWN, None)


def open_list(filters: Filters, sort: str) -> None:
    """Put filters and order into the URL and go to the first page; one step back undoes it."""
    values = filters.to_url()
    order = {"sort": [] if sort == "suspicion" else [sort], "page": []}
    st.query_params.update({name: values.get(name, []) for name in PARAMETERS} | order)


def change_filters(change: Callable[[Filters], Filters]) -> None:
    """Replace the filters in the URL; nothing happens where they stay the same."""
    before, _ = filters_of_url()
    after = change(before)
    if after != before:
        open_list(after, sort_of_url())


def bound(field: str, value: Any) -> dict[str, Any]:
    """Arguments that tie a widget to a field of the filters.

    Args:
        field: of `Filters`; also the widget's key.
        value: what the widget shows; tuples are shown as lists.
    """
    st.session_state[field] = list(value) if isinstance(value, tuple) else value

    def write() -> None:
        chosen = st.session_state[field]
        new = tuple(chosen) if isinstance(value, tuple) else (chosen or "")
        change_filters(lambda filters: replace(filters, **{field: new}))

    return {"key": field, "on_change": write}
