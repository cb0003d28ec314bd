"""Order, show, words, and the panel of all other filters with histograms to brush."""

from __future__ import annotations

import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.brush import Brush, brushes
from dashboard.components.chips import ALL, chips
from dashboard.components.list_state import bound, change_filters, filters_of_url, open_list
from dashboard.filters import KINDS, MARKS, MEASURES, ROLES, SCORES, SHOWS, Filters
from dashboard.listing import SORTS
from engine.runs import RunFolder

ROLES_HELP = "By the sign of its influence in each role. Brush the two histograms for more or less of it."
KINDS_HELP = "Pairs for which at least one of these is among the strongest reasons."


def filter_bar(run: RunFolder, filters: Filters, sort: str) -> None:
    """The widgets that narrow and sort; each writes to the URL.

    Args:
        run: whose pairs are listed.
        filters: what stands in the URL.
        sort: the order that stands there.
    """
    has_signals = cache.listing(run).has_signals
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["sort"] = sort
        st.selectbox(
            "Order", [name for name in SORTS if has_signals or name != "learned"], width=250, key="sort",
            format_func=lambda name: SORTS[name][0], on_change=_write_sort,
        )  # fmt: skip
        st.selectbox("Show", list(SHOWS), format_func=SHOWS.get, width=150, **bound("show", filters.show))
        st.text_input(
            "Words in the caption", placeholder="red bus", type="search", width=210, **bound("words", filters.words)
        )
    active = {part: words for part, words in filters.parts().items() if part != "show"}
    with st.container():  # always there: what stands below it keeps its place, and stays open
        if active:
            chips(active, key="active_filters", on_removed=_take_away)
    panel = st.expander("Filters", icon=":material/tune:", key="filters_open", on_change="rerun")
    with panel:
        if panel.open:  # what is closed costs nothing
            _choices(run, filters)
            _brushes(run, filters)


def nothing_listed(filters: Filters, counts: dict[str, int]) -> None:
    """For an empty list: which filters to take away, with the number of pairs there would be without each.

    Args:
        filters: that no pair fits.
        counts: of `Listing.counts_without`.
    """
    notes = {part: f"{number:,} pairs without" for part, number in counts.items() if number}
    icon = ":material/filter_alt_off:"
    if filters == Filters():
        text = "Show decided pairs as well, or take the decisions along on the **Decisions & export** page."
        empty("All pairs are decided", text, ":material/check_circle:")
    elif notes:
        empty("No pair fits these filters", "Taking away one of these would be enough:", icon)
    else:
        empty("No pair fits these filters", "No single one is to blame: take away several, or clear all.", icon)
    words = {part: text for part, text in filters.parts().items() if part in notes}
    if words:
        chips(words, key="helpful_filters", on_removed=_take_away, notes=notes)


def _choices(run: RunFolder, filters: Filters) -> None:
    """What is chosen from lists: labels, kinds of reason, role pattern, marks."""
    pairs = cache.listing(run)
    labels, kinds, marks = pairs.labels(), pairs.kinds(), pairs.marks()
    first, second = st.columns(2), st.columns(2)
    with first[0]:
        known = tuple(label for label in filters.labels if label in labels)
        st.multiselect("Label", labels, placeholder="All labels", disabled=not labels, **bound("labels", known))
    with first[1]:
        known = tuple(kind for kind in filters.kinds if kind in kinds)
        st.multiselect(
            "Why it is suspected", kinds, format_func=KINDS.get, placeholder="Any reason", help=KINDS_HELP,
            disabled=not kinds, **bound("kinds", known),
        )  # fmt: skip
    with second[0]:
        st.selectbox(
            "Role pattern", ["", *ROLES], format_func=lambda name: ROLES.get(name, "Any"), help=ROLES_HELP,
            **bound("roles", filters.roles),
        )  # fmt: skip
    with second[1]:
        known = tuple(mark for mark in filters.marks if mark in marks)
        st.multiselect("And", marks, format_func=MARKS.get, placeholder="Anything", **bound("marks", known))


def _brushes(run: RunFolder, filters: Filters) -> None:
    listing = cache.listing(run)
    bounds = {one.column: (one.low, one.high) for one in filters.ranges}

    def drawn(columns: list[str]) -> list[Brush]:
        found = {column: listing.histogram(column) for column in columns}
        return [
            Brush(column, MEASURES[column][0], MEASURES[column][1:], one, *bounds.get(column, (None, None)))
            for column, one in found.items()
            if one is not None
        ]

    of_signals = [column for column in listing.measures() if column not in SCORES]
    st.caption("Drag over a histogram to choose a range, double-click to clear it, or move its handles by the arrows.")
    brushes(drawn(listing.score_columns()), key="score_brushes", on_ranges=_narrow)
    if of_signals and st.toggle(
        f"Also the {len(of_signals)} signals behind the suspicion", any(column in bounds for column in of_signals),
        key="signals_shown",
    ):  # fmt: skip
        brushes(drawn(of_signals), key="signal_brushes", on_ranges=_narrow)


def _narrow(ranges: dict[str, tuple[float | None, float | None]]) -> None:
    def narrowed(filters: Filters) -> Filters:
        for column, (low, high) in ranges.items():
            filters = filters.narrowed(column, low, high)
        return filters

    change_filters(narrowed)


def _take_away(part: str) -> None:
    change_filters(lambda filters: filters.cleared() if part == ALL else filters.without(part))


def _write_sort() -> None:
    open_list(filters_of_url()[0], st.session_state["sort"])
