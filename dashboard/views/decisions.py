"""Decisions & export: what was decided, and the files to take along."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.blind import blind_check
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.export_panel import export_panel
from dashboard.places import is_local
from dashboard.state import Key, store
from dashboard.tables import for_reading
from dashboard.thumbnails import thumbnail_url

run = run_or_stop()
tables, decisions = cache.tables(run), cache.decisions(store())
header("Decisions & export", "Every decision is kept the moment it is made. Take them along in the format you need.")

pairs = tables.pairs_by_id(decisions.index, ["caption", "thumbnail"])  # those decided, of any split
own = decisions[decisions.index.isin(pairs.index)]
counts = own["verdict"].value_counts()
with st.container(horizontal=True):
    for name, word in wording.VERDICT_WORDS.items():
        st.metric(word, f"{counts.get(name, 0):,}", border=True)

if own.empty:
    empty(
        "No decisions yet",
        "Decide pairs on the **Suspicious pairs** page, by the keys **K**, **D**, **L** and **U** or by the buttons.",
        ":material/fact_check:",
    )
    st.page_link("views/suspicious.py", label="Suspicious pairs", icon=":material/image_search:",
                 query_params={Key.RUN.value: run.run_id})  # fmt: skip
else:
    table = for_reading(own.join(pairs[["caption", "thumbnail"]]))
    table["picture"] = [thumbnail_url(run.run_id, name) for name in table["thumbnail"]]
    st.dataframe(
        table[["picture", "verdict", "caption", "new_caption", "annotator", "decided_at"]],
        hide_index=True,
        row_height=56,
        column_config={"picture": st.column_config.ImageColumn("picture", width="small"), **wording.DECISION_COLUMNS},
        key=f"decisions_{store().revision()}",
    )
elsewhere = len(decisions) - len(own)
if elsewhere:
    st.caption(f"{elsewhere:,} more decisions are about pairs of other data sets; they are not part of this run.")

export_panel(run, tables.count("pairs"), own["verdict"])

if counts.get("drop", 0) and is_local():
    st.page_link("views/what_if.py", label=f"What if the {int(counts['drop']):,} dropped pairs were gone?",
                 icon=":material/model_training:", query_params={Key.RUN.value: run.run_id})  # fmt: skip

blind_check(run, decisions.index)

if st.toggle("Show the history of all decisions, undone ones included"):
    history = store().history()
    history = for_reading(history[history["pair_id"].isin(tables.pairs_by_id(history["pair_id"], ["pair_id"]).index)])
    st.dataframe(
        history[["id", "decided_at", "annotator", "verdict", "pair_id", "new_caption"]],
        hide_index=True,
        column_config=wording.DECISION_COLUMNS,
    )
