"""The pairs that one annotator has taken from a queue: decided in the gallery, kept by working, or given back."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import Key, annotator, store
from dashboard.tables import pair_tiles
from engine.review.queues import LEASE_SECONDS, Progress
from engine.runs import RunFolder

BATCH, NUM_PAIRS = "queue_batch", 20
RENEW_SECONDS = 60
MINUTES = LEASE_SECONDS // 60
YOURS = "These are yours: nobody else is handed them while you work."
SHARED = "Others may be handed some of these too: you see only your own answers, and they only theirs."


def batch(run: RunFolder, queue: str, is_shared: bool) -> None:
    """What this annotator holds, with a button for the next; nothing is handed out before they ask.

    Args:
        run: whose scores are on screen.
        queue: one that exists.
        is_shared: whether others decide some of its pairs as well.
    """
    queues, name = cache.queue_store(), annotator()
    remembered = _remembered(run, queue, name)
    mine = store().by_annotator(name, remembered).set_index("pair_id", drop=False)
    pair_ids = _still_theirs(remembered, set(queues.held(queue, name)), mine)
    if not pair_ids:
        _nothing_held(run, queue, queues.progress(queue))
        return
    rows = cache.listing(run).some(pair_ids)
    shown = rows.assign(rank=rows["suspicion_rank"])
    num_done = int(shown.index.isin(mine.index).sum())
    st.markdown(f"**{num_done} of {len(shown)} decided.** {SHARED if is_shared else YOURS}")
    deciding_gallery(
        pair_tiles(shown, run.run_id, mine),
        run,
        shown["suspicion"].to_dict(),
        key="queue_gallery",
        bar_scale=cache.score_scale(run),
    )
    is_done = num_done == len(shown)
    with st.container(horizontal=True):
        st.button(
            f"Take my next {NUM_PAIRS}",
            icon=":material/arrow_forward:",
            type="primary" if is_done else "secondary",
            on_click=_take,
            args=(run, queue),
            help="What you have not decided stays with you.",
        )
        if not is_done:
            st.button(
                f"Give back {len(shown) - num_done}",
                icon=":material/undo:",
                on_click=_give_back,
                args=(queue,),
                help=f"Others can take them at once. Without any work they are given back after {MINUTES} minutes.",
            )


def _remembered(run: RunFolder, queue: str, name: str) -> list[str]:
    """The batch on screen: what is held when the page is opened, and what is taken then; it stays while decided."""
    whose = (run.run_id, queue, name)
    batch, queues = st.session_state.get(BATCH), cache.queue_store()
    if batch is None or batch["whose"] != whose:
        held = cache.tables(run).scores_by_id(queues.held(queue, name), ["pair_id"]).index.tolist()
        batch = {"whose": whose, "pair_ids": held, "renewed": 0.0}
        st.session_state[BATCH] = batch
    if batch["pair_ids"] and time.monotonic() - batch["renewed"] > RENEW_SECONDS:
        queues.renew(queue, name)
        batch["renewed"] = time.monotonic()
    return batch["pair_ids"]


def _still_theirs(pair_ids: list[str], held: set[str], mine: pd.DataFrame) -> list[str]:
    """Without the pairs that went to others because nothing happened for long."""
    kept = [pair_id for pair_id in pair_ids if pair_id in held or pair_id in mine.index]
    if len(kept) < len(pair_ids):
        st.info(
            f"{len(pair_ids) - len(kept)} pairs are no longer yours: nothing was decided for {MINUTES} minutes.",
            icon=":material/timer_off:",
        )
    return kept


def _nothing_held(run: RunFolder, queue: str, progress: Progress) -> None:
    asked = st.session_state.get(BATCH, {}).get("asked", False)
    if progress.done == progress.pairs:
        empty(
            "All of this queue is decided",
            "Put more pairs into it, or take the decisions along.",
            ":material/task_alt:",
        )
        st.page_link("views/decisions.py", label="Decisions & export", icon=":material/fact_check:",
                     query_params={Key.RUN.value: run.run_id})  # fmt: skip
        return
    if asked and progress.to_do:
        empty(
            "Nothing for you here", "What is left needs another person, or belongs to another run.", ":material/group:"
        )
    elif asked or not progress.to_do:
        empty("The rest is with others", "It comes back when they give it back, or stop working.", ":material/group:")
    else:
        empty("Nothing taken yet", "Take some pairs: they stay with you while you work on them.")
    st.button(
        f"Take my next {NUM_PAIRS}", icon=":material/arrow_forward:", type="primary", on_click=_take,
        args=(run, queue),
    )  # fmt: skip


def _take(run: RunFolder, queue: str) -> None:
    name = annotator()
    queued = cache.queue_store().pairs(queue)["pair_id"]
    ours = cache.tables(run).scores_by_id(queued, ["pair_id"]).index
    taken = cache.queue_store().take(queue, name, NUM_PAIRS, among=ours)
    whose = (run.run_id, queue, name)
    st.session_state[BATCH] = {"whose": whose, "pair_ids": taken, "renewed": time.monotonic(), "asked": True}


def _give_back(queue: str) -> None:
    cache.queue_store().release(queue, annotator())
    st.session_state.pop(BATCH, None)
