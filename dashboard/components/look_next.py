"""Look at next: a batch of pairs proposed from the decisions so far, and what is left after them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import store
from dashboard.tables import pair_tiles
from dashboard.wording import NOT_CROSS_FITTED, PROPOSAL_WORDS, PROPOSALS_IN_WORDS
from engine.runs import RunFolder

BATCH = "look_next"
AUDIT = "audit"
TELLING = ["reason", "rank", "clip_score", "influence_positive", "influence_negative"]


def look_next(run: RunFolder) -> None:
    """The proposed pairs in their order; the batch stays as it is until the next one is asked for.

    Args:
        run: a finished run; one without cross-fitted signals says what it needs.
    """
    if not cache.listing(run).has_signals:
        empty("Nothing to learn from in this run", NOT_CROSS_FITTED, ":material/school:")
        return
    batch = _batch(run)
    with st.container(border=True):
        st.markdown(f"{':material/flag:' if batch['may_stop'] else ':material/search:'} {batch['sentence']}")
    learned_among(run)
    if not batch["reasons"]:
        empty(
            "All pairs are decided",
            "Take the decisions along on the **Decisions & export** page.",
            ":material/check_circle:",
        )
        return
    shown = _rows(cache.listing(run).some(list(batch["reasons"])), batch["reasons"])
    decisions = cache.standing(shown.index)
    num_done = len(decisions)
    st.markdown(f"**{num_done} of {len(shown)} decided.** {PROPOSALS_IN_WORDS}")
    deciding_gallery(
        pair_tiles(shown, run.run_id, decisions),
        run,
        shown["suspicion"].to_dict(),
        key="next_gallery",
        bar_scale=cache.score_scale(run),
    )
    is_done = num_done == len(shown)
    if st.button(
        "Learn from these and propose the next",
        key="learn_from_these",
        icon=":material/school:",
        type="primary" if is_done else "secondary",
        disabled=num_done == 0,
        help="What is not decided here may be proposed again.",
    ):
        del st.session_state[BATCH]
        st.rerun()


def learned_among(run: RunFolder) -> None:
    """Say of which pairs the advice speaks where a run has more than it can learn about at once."""
    tables = cache.tables(run)
    num_pairs = tables.count("ranked")
    if num_pairs <= cache.LEARN_AMONG:
        return
    others = tables.value("SELECT sum(p_wrong) FROM ranked WHERE place > ?", [cache.LEARN_AMONG])
    st.caption(
        f"Learned from, and said of, the {cache.LEARN_AMONG:,} most suspicious pairs. The other "
        f"{num_pairs - cache.LEARN_AMONG:,} follow in the order of suspicion; about {others:,.0f} of them are "
        "estimated to be wrong, which no decision has checked."
    )


def _batch(run: RunFolder) -> dict[str, Any]:
    """The batch on screen; proposals are made once, so that none jumps while they are worked through."""
    batch = st.session_state.get(BATCH)
    if batch is None or batch["run_id"] != run.run_id:
        advice = cache.advice(run, store())
        batch = {
            "run_id": run.run_id,
            "reasons": dict(zip(advice.proposals["pair_id"], advice.proposals["reason"], strict=True)),
            "sentence": advice.sentence,
            "may_stop": advice.may_stop,
        }
        st.session_state[BATCH] = batch
    return batch


def _rows(shown: pd.DataFrame, reasons: dict[str, str]) -> pd.DataFrame:
    """The proposed pairs; a random check is shown without its scores, so that it is judged unaided."""
    shown = shown.assign(proposal=[PROPOSAL_WORDS[reason] for reason in reasons.values()])
    shown["rank"] = shown["suspicion_rank"].astype(float)
    is_audit = [reason == AUDIT for reason in reasons.values()]
    shown.loc[is_audit, TELLING] = None
    return shown
