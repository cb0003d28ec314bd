"""Making a queue and putting pairs into one."""

from __future__ import annotations

import itertools

import streamlit as st

from dashboard import cache
from dashboard.components.list_state import list_now
from dashboard.state import annotator
from engine.errors import EcifError
from engine.review.queue_tables import MAX_QUEUE_CHARACTERS
from engine.review.queues import REVIEW
from engine.runs import RunFolder

NUM_PAIRS = 100
OVERLAPS = {
    "One person": (1, 1.0),
    "One person, and a second for every tenth pair": (2, 0.1),
    "Two people": (2, 1.0),
    "Three people": (3, 1.0),
}
OVERLAP_HELP = (
    "Where several people decide the same pair, the page shows how far they agree. "
    "Nobody sees the others' answers first."
)
ADDED = "queue_added"


def new_queue(run: RunFolder, names: list[str]) -> None:
    """A form that makes a queue of the most suspicious pairs.

    Args:
        run: whose pairs go there.
        names: of the queues there are.
    """
    with st.form("new_queue", border=False):
        name = st.text_input(
            "Name", "" if names else REVIEW, max_chars=MAX_QUEUE_CHARACTERS, placeholder="second opinion"
        )
        overlap = st.selectbox("Who decides a pair", list(OVERLAPS), help=OVERLAP_HELP)
        number, also_decided = _which(cache.tables(run).count("ranked"))
        if not st.form_submit_button("Make the queue", icon=":material/playlist_add:", type="primary"):
            return
    if name.strip() in names:
        st.warning("There is a queue of this name. Put pairs into it, or choose another name.")
        return
    store = cache.queue_store()
    try:
        store.make(name.strip(), annotator(), *OVERLAPS[overlap])
    except EcifError as error:
        st.text(str(error))
        return
    _add(run, name.strip(), number, also_decided)


def more_pairs(run: RunFolder, queue: str) -> None:
    """A form that puts more of the most suspicious pairs at the end of a queue."""
    with st.form("more_pairs", border=False):
        number, also_decided = _which(cache.tables(run).count("ranked"))
        wants = st.form_submit_button("Put them at the end", icon=":material/playlist_add:", type="primary")
    if wants:
        _add(run, queue, number, also_decided)


def show_added() -> None:
    """Say once how many pairs were put where, and turn to that queue; before its picker is drawn."""
    if ADDED in st.session_state:
        queue, number = st.session_state.pop(ADDED)
        st.session_state["queue"] = queue
        said = f"{number:,} pairs were put into the queue." if number else "No more pairs fit."
        st.toast(said, icon=":material/playlist_add_check:")


def _which(num_pairs: int) -> tuple[int, bool]:
    number = st.number_input("How many of the most suspicious pairs", 1, max(num_pairs, 1), min(NUM_PAIRS, num_pairs))
    return int(number), st.checkbox("Also pairs that are decided already", help="For a second opinion on them.")


def _add(run: RunFolder, queue: str, number: int, also_decided: bool) -> None:
    store = cache.queue_store()
    there = set(store.pairs(queue)["pair_id"])
    listed = cache.listing(run).ids(list_now(run, "all" if also_decided else "open"))
    left = (one for one in itertools.chain.from_iterable(listed) if one not in there)
    chosen = list(itertools.islice(left, number))
    added = store.add(queue, chosen, run.run_id, annotator())
    st.session_state[ADDED] = (queue, added)
    st.rerun()
