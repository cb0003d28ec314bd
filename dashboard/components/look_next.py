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


def look_next(run: RunFolder, scores: pd.DataFrame, decisions: pd.DataFrame) -> None:
    """The proposed pairs in their order; the batch stays as it is until the next one is asked for.

    Args:
        run: a finished run; one without cross-fitted signals says what it needs.
        scores: scores and pairs of the training split, indexed by pair_id.
        decisions: standing decisions, indexed by pair_id.
    """
    if cache.signals(run) is None:
        empty("Nothing to learn from in this run", NOT_CROSS_FITTED, ":material/school:")
        return
    batch = _batch(run)
    with st.container(border=True):
        st.markdown(f"{':material/flag:' if batch['may_stop'] else ':material/search:'} {batch['sentence']}")
    if not batch["reasons"]:
        empty(
            "All pairs are decided",
            "Take the decisions along on the **Decisions & export** page.",
            ":material/check_circle:",
        )
        return
    shown = _rows(scores, batch["reasons"])
    num_done = int(shown.index.isin(decisions.index).sum())
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


def _rows(scores: pd.DataFrame, reasons: dict[str, str]) -> pd.DataFrame:
    """The proposed pairs; a random check is shown without its scores, so that it is judged unaided."""
    shown = scores.loc[list(reasons)].assign(proposal=[PROPOSAL_WORDS[reason] for reason in reasons.values()])
    shown["rank"] = shown["suspicion_rank"].astype(float)
    is_audit = [reason == AUDIT for reason in reasons.values()]
    shown.loc[is_audit, TELLING] = None
    return shown
