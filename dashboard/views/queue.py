"""Review queue: pairs shared out among annotators, and how far they agree."""

import streamlit as st

from dashboard import cache
from dashboard.components.agreement_panel import agreement_panel
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.queue_batch import batch
from dashboard.components.queue_form import more_pairs, new_queue, show_added
from dashboard.components.queue_progress import queue_progress

LOOKS = {"decide": "Decide", "agreement": "Agreement"}

run = run_or_stop()
header(
    "Review queue", "Share the work: nobody is handed what somebody else is deciding, unless you want a second opinion."
)
show_added()

queues = cache.queue_store().queues()
names = queues["name"].tolist()
if not names:
    empty(
        "No queue yet",
        "A queue is a list of pairs to decide. Make one here, or press **Q** on any pair to put it aside for review.",
    )
    with st.container(border=True, width=560):
        new_queue(run, names)
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom"):
    queue = st.selectbox("Queue", names, key="queue", bind="query-params", width=260)
    with st.popover("Put pairs into it", icon=":material/playlist_add:"):
        more_pairs(run, queue)
    with st.popover("New queue", icon=":material/add:"):
        new_queue(run, names)
made = queues.set_index("name").loc[queue]
queue_progress(queue, made)

look = st.segmented_control(
    "What to look at", list(LOOKS), format_func=LOOKS.get, default="decide", required=True, key="view",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
if look == "agreement":
    agreement_panel(run, queue)
else:
    batch(run, queue, is_shared=bool(made["overlap"] > 1))
