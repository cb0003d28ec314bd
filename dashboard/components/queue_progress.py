"""How far a queue is and who works on it; asks again by itself, so that the work of others shows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache

EVERY_SECONDS = 15


@st.fragment(run_every=EVERY_SECONDS)
def queue_progress(queue: str, made: pd.Series) -> None:
    """A bar, three counts, and who holds how much.

    Args:
        queue: one that exists.
        made: its row of `QueueStore.queues`.
    """
    queues = cache.queue_store()
    progress, people = queues.progress(queue), queues.at_work(queue)
    st.progress(
        progress.done / max(progress.pairs, 1),
        f"**{progress.done:,} of {progress.pairs:,} done** · {progress.handed_out:,} handed out · "
        f"{progress.to_do:,} to do · {_overlap_in_words(made)}",
    )
    at_work = [f"{row.annotator} ({row.open} left)" for row in people.itertuples() if row.open]
    if at_work:
        st.text("At work: " + ", ".join(at_work))


def _overlap_in_words(made: pd.Series) -> str:
    if made["overlap"] == 1 or not made["overlap_share"]:
        return "one person decides a pair"
    people, share = {2: "two people", 3: "three people"}[int(made["overlap"])], made["overlap_share"]
    return f"{people} decide {'a pair' if share == 1 else f'{share:.0%} of the pairs'}"
