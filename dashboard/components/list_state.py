"""The list of pairs in the URL: filters, order and page are read from it in every rerun and written to nothing else.

Widgets that show a part of it are set before they are drawn and write back when they are changed; so a reload, a shared
link, the back button and a second tab all show the same list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard.filters import PARAMETERS, Filters
from dashboard.listing import SORTS


def filters_of_url() -> tuple[Filters, list[str]]:
    """The filters, and a note for each value that was passed over."""
    return Filters.from_url({name: st.query_params.get_all(name) for name in PARAMETERS})


def sort_of_url() -> str:
    """The order, a key of `SORTS`; the most suspicious first if none or an unknown one is named."""
    sort = st.query_params.get("sort", "").casefold()
    return sort if sort in SORTS else "suspicion"


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
