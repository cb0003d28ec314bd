"""How far the annotators of a queue agree, and the pairs where they do not, to be decided once more."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.gallery_page import deciding_gallery
from dashboard.places import decisions_place
from dashboard.state import annotator, store
from dashboard.tables import pair_tiles
from dashboard.wording import VERDICT_WORDS
from engine.review.agreement import Agreement, agreement, between_two, disagreements
from engine.runs import RunFolder

LISTED, MOST_SHOWN = "agreement_listed", 30
NONE_SHARED = (
    "No pair of this queue was decided by two people so far. Make a queue where two people decide a pair, or decide "
    "some of these under your own name: then this page shows how often you agree."
)
ALPHA_HELP = (
    "Krippendorff's alpha: 1 is full agreement, 0 is what answers drawn by lot would reach. From about 0.8 decisions "
    "of different people can be used alike; below about 0.67 agree first on what the verdicts mean."
)


def agreement_panel(run: RunFolder, queue: str) -> None:
    """Figures, every two annotators, and the pairs they differ on.

    Args:
        run: whose scores are on screen.
        queue: one that exists.
    """
    shared = cache.queue_store().shared(queue)
    if not shared:
        empty("Nothing to compare yet", NONE_SHARED, ":material/group:")
        return
    found, two, differ = _found(decisions_place(), store().revision(), queue, len(shared))
    _figures(found)
    if len(two) > 1:
        st.dataframe(two, hide_index=True, column_config={
            "annotator": "who", "other": "and who", "pairs": "pairs in common",
            "same": st.column_config.NumberColumn("same verdict", format="percent"),
            "kappa": st.column_config.NumberColumn("Cohen's kappa", format="%.2f", help="1 full, 0 by chance"),
        })  # fmt: skip
    ours = cache.tables(run).scores_by_id(differ.index, ["pair_id"]).index
    rows = differ[differ.index.isin(ours)]
    pair_ids = _listed((run.run_id, queue, annotator()), [one for one in shared if one in rows.index][:MOST_SHOWN])
    if not pair_ids:
        empty("They agree on every pair", "There is nothing to settle.", ":material/handshake:")
        return
    st.markdown(
        f"**Pairs with different answers: {len(rows):,}**, {int(rows['verdict'].isna().sum()):,} of them without a "
        "majority. Decide them as one more voice; what stands for a pair is its latest decision."
    )
    _gallery(run, cache.listing(run).some(pair_ids))
    if st.button("List again", icon=":material/refresh:", help=f"The first {MOST_SHOWN} pairs that differ now."):
        del st.session_state[LISTED]
        st.rerun()


def _listed(whose: tuple[str, str, str], found: list[str]) -> list[str]:
    """The pairs on screen: those that differed when the list was made; none jumps or goes while it is decided."""
    listed = st.session_state.get(LISTED)
    if listed is None or listed[0] != whose or not listed[1]:
        listed = (whose, found)
        st.session_state[LISTED] = listed
    return listed[1]


def _gallery(run: RunFolder, shown: pd.DataFrame) -> None:
    """The pairs with everyone's answers; the stamp is that of the person at the screen."""
    votes = store().by_annotator(pair_ids=list(shown.index))
    mine = votes[votes["annotator"] == annotator()].set_index("pair_id", drop=False)
    said = votes["annotator"] + ": " + votes["verdict"].map(VERDICT_WORDS)
    tiles = pair_tiles(shown.assign(rank=shown["suspicion_rank"]), run.run_id, mine)
    for tile in tiles:
        tile["badges"] = said[votes["pair_id"] == tile["pair_id"]].tolist()
    deciding_gallery(
        tiles, run, shown["suspicion"].to_dict(), key="agreement_gallery", bar_scale=cache.score_scale(run)
    )


def _figures(found: Agreement) -> None:
    with st.container(horizontal=True):
        people = f"by {len(found.annotators)} people"
        st.metric("Pairs decided by two or more", f"{found.pairs:,}", people, delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
        interval = f"{found.same_low:.0%}–{found.same_high:.0%}, 90 % interval"
        st.metric("Same verdict", f"{found.same:.0%}", interval, delta_color="off", delta_arrow="off", border=True,
                  help="How often two people gave a pair the same verdict.")  # fmt: skip
        if math.isnan(found.alpha):
            st.metric("Beyond chance", "–", "all answers are alike", delta_color="off", delta_arrow="off", border=True,
                      help=ALPHA_HELP)  # fmt: skip
        else:
            interval = f"{found.alpha_low:.2f}–{found.alpha_high:.2f}, 90 % interval"
            st.metric("Beyond chance (alpha)", f"{found.alpha:.2f}", interval, delta_color="off", delta_arrow="off",
                      border=True, help=ALPHA_HELP)  # fmt: skip


@st.cache_data(max_entries=16, show_spinner="Comparing answers …")
def _found(place: str, revision: int, queue: str, num_shared: int) -> tuple[Agreement, pd.DataFrame, pd.DataFrame]:
    votes = store().by_annotator(pair_ids=cache.queue_store().shared(queue))
    return agreement(votes), between_two(votes), disagreements(votes)
