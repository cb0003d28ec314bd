"""Which pairs a what-if leaves out: the choice is in the address, sets that people bring are kept beside the runs."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import streamlit as st

from dashboard import cache
from dashboard.components import address
from dashboard.components.boxes import empty
from dashboard.predictions import culprits
from dashboard.questions import keep_set, kept_set, trace_question
from dashboard.state import Key, store
from engine.errors import PairsError
from engine.pairs.id_lists import read_pair_ids
from engine.runs import RunFolder

SOURCES = {
    "dropped": "Dropped decisions",
    "queue": "A queue",
    "culprits": "Culprits of a prediction",
    "ids": "Pair ids",
}
SOURCE, SET, QUEUE, NUMBER = "of", "set", "from", "n"  # names that no page binds: a bound one cannot be written
DEFAULT_NUMBER = 10


def chosen_set(run: RunFolder) -> list[str]:
    """Ask which pairs to leave out, and give those of them that the run was trained on; empty after saying why.

    Args:
        run: whose training pairs may be left out.
    """
    address.give(SOURCE, SOURCES, "dropped")
    source = st.segmented_control(
        "Leave out", list(SOURCES), format_func=SOURCES.get, required=True, key=SOURCE,
        on_change=address.write, args=(SOURCE, "dropped"),
    )  # fmt: skip
    asked = {"dropped": _dropped, "queue": _queued, "culprits": _culprits, "ids": _brought}[source](run)
    found = cache.tables(run).scores_by_id(asked, []).index.tolist()
    if asked and not found:
        empty("None of these pairs is in this run", "Only training pairs of the run can be left out.")
    elif len(found) < len(set(asked)):
        st.caption(f"{len(set(asked)) - len(found):,} others are no training pairs of this run and are passed over.")
    if found and len(found) == run.record["counts"]["train"]:
        empty("These are all training pairs", "Nothing would be left to learn from. Take fewer.")
        return []
    return found


def _dropped(run: RunFolder) -> list[str]:
    decisions = cache.decisions(store())
    found = decisions.index[decisions["verdict"] == "drop"].tolist()
    if not found:
        empty("Nothing is dropped yet", "Decide pairs on **Suspicious pairs**, or choose another set above.",
              ":material/delete:")  # fmt: skip
    return found


def _queued(run: RunFolder) -> list[str]:
    names = cache.queue_store().queues()["name"].tolist()
    if not names:
        empty("No queue yet", "Pairs sent to review (key **Q**) gather in a queue.", ":material/playlist_add:")
        return []
    address.give(QUEUE, names, names[0])
    name = st.selectbox("Queue", names, key=QUEUE, on_change=address.write, args=(QUEUE, names[0]), width=280)
    return cache.queue_store().pairs(name)["pair_id"].tolist()


def _culprits(run: RunFolder) -> list[str]:
    """The pairs that push one prediction towards its wrong answer, by the role that the run ranks them by."""
    queries, stored = cache.table(run, "queries").set_index("query_id"), cache.table(run, "traces")
    traced = stored["query_id"].unique().tolist()
    asked = st.query_params.get(Key.QUERY.value)
    question = trace_question(run, asked) if asked in queries.index and asked not in traced else None
    names = [asked, *traced] if question and question.is_answered else traced
    if not names:
        empty("No prediction is traced", "Open a wrong prediction on **Predictions** first.")
        return []
    truth, said = queries["true_label"], queries["predicted_label"]
    address.give(Key.QUERY.value, names, names[0])
    with st.container(horizontal=True):
        name = st.selectbox(
            "Prediction", names, format_func=lambda one: f"{truth[one]} → {said[one]} ({one})", key=Key.QUERY.value,
            on_change=address.write, args=(Key.QUERY.value, None), width=420,
        )  # fmt: skip
        traces = question.traces if name not in traced else stored[stored["query_id"] == name]
        scores = cache.tables(run).scores_by_id(traces["pair_id"])
        rows = culprits(traces, scores, run.config.trace_role, "hurts")
        if len(rows) < 2:  # nothing to slide over
            if rows.empty:
                empty("No pair pushed towards this answer", "Choose another prediction.", ":material/balance:")
            return rows.index.tolist()
        numbers = [str(one) for one in range(1, len(rows) + 1)]
        address.give(NUMBER, numbers, str(min(DEFAULT_NUMBER, len(rows))))
        number = st.select_slider("Strongest culprits", numbers, key=NUMBER, on_change=address.write,
                                  args=(NUMBER, None), width=280)  # fmt: skip
    return rows.index[: int(number)].tolist()


def _brought(run: RunFolder) -> list[str]:
    """Ids that were pasted or uploaded, or sent here by another page."""
    kept = kept_set(run.path.parent, st.query_params.get(SET, ""))
    if kept:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{len(kept):,} pair ids**; the address of this page keeps them.")
            if st.button("Bring others", icon=":material/edit:"):
                del st.query_params[SET]
                st.rerun()
        return kept
    pasted = st.text_area("Pair ids, one per line or with commas", key="pasted_ids", height=120)
    uploaded = st.file_uploader("or a file: a .csv with a pair_id column, or a .txt with one id per line",
                                type=["csv", "txt"], key="uploaded_ids")  # fmt: skip
    found = re.split(r"[\s,;]+", pasted.strip()) if pasted.strip() else []
    if uploaded is not None:
        found += _ids_in(uploaded.name, uploaded.getvalue())
    if st.button("Use these", type="primary", disabled=not found):
        st.query_params[SET] = keep_set(run.path.parent, found)
        st.rerun()
    return []


def _ids_in(name: str, content: bytes) -> list[str]:
    """Ids in an uploaded file; none after saying what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"uploaded{Path(name).suffix}"
        path.write_bytes(content)
        try:
            return read_pair_ids(path)
        except PairsError:
            st.error("This file cannot be read. Bring a .csv with a column pair_id, or a .txt with one id per line.")
            return []
