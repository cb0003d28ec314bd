"""Decisions & export: what was decided, and the file to take along."""

import io
import shlex
import tempfile
import zipfile
from pathlib import Path

import streamlit as st

from dashboard import cache, wording
from dashboard.components.blind import blind_check
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.what_if import what_if_panel
from dashboard.places import decisions_place, is_local
from dashboard.state import store
from dashboard.tables import for_reading
from dashboard.thumbnails import thumbnail_url
from engine.review.exports import EXPORTS, WHICH, write_export

WHICH_WORDS = {
    "decided": "All decisions",
    "relabel": "Only relabelled pairs",
    "drop": "Only dropped pairs",
    "all": "Every pair, decided or not",
}

run = run_or_stop()
pairs, decisions = cache.pairs(run), cache.decisions(store())
header("Decisions & export", "Every decision is kept the moment it is made. Take them along as a table.")

own = decisions[decisions.index.isin(pairs.index)]
counts = own["verdict"].value_counts()
with st.container(horizontal=True):
    for name, word in wording.VERDICT_WORDS.items():
        st.metric(word, f"{counts.get(name, 0):,}", border=True)

if own.empty:
    empty(
        "No decisions yet",
        "Decide pairs on the **Suspicious pairs** page: keys 1 to 4, or the buttons on each tile.",
        ":material/fact_check:",
    )
    st.page_link("views/suspicious.py", label="Suspicious pairs", icon=":material/image_search:",
                 query_params={"run": run.run_id})  # fmt: skip
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

st.subheader("Export", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    which = st.selectbox("What", list(WHICH), format_func=WHICH_WORDS.get, width=280)
    format_name = st.selectbox("Format", list(EXPORTS), format_func=str.upper, width=140)

    def export() -> bytes:
        """The export and its provenance in one archive, made when the button is pressed."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{run.run_id}-{which}{EXPORTS[format_name].suffix}"
            write_export(run, store(), format_name, path, which)
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                for part in sorted(Path(folder).iterdir()):
                    file.write(part, part.name)
        return archive.getvalue()

    number = len(pairs) if which == "all" else len(own) if which == "decided" else int(counts.get(which, 0))
    st.download_button(
        f"Export {number:,} pairs", export, f"{run.run_id}-{which}.zip", "application/zip",
        icon=":material/download:", type="primary", on_click="ignore", disabled=number == 0,
    )  # fmt: skip
st.caption(
    "A .zip with the table and a note of where it comes from: run, data and model hashes, counts. Cells that a "
    "spreadsheet could take for a formula are guarded with an apostrophe. The same from the terminal:"
)
command = ["ecif", "export", str(run.path), "--format", format_name, "--which", which]
command += ["--out", f"decisions{EXPORTS[format_name].suffix}"]
if decisions_place() != str(run.path.parent / "decisions.sqlite"):
    command += ["--decisions", store().place]
st.code(shlex.join(command), language="bash", wrap_lines=True)

if counts.get("drop", 0) and is_local():
    what_if_panel(run, int(counts["drop"]))

blind_check(run, decisions)

if st.toggle("Show the history of all decisions, undone ones included"):
    history = store().history()
    history = for_reading(history[history["pair_id"].isin(pairs.index)])
    st.dataframe(
        history[["id", "decided_at", "annotator", "verdict", "pair_id", "new_caption"]],
        hide_index=True,
        column_config=wording.DECISION_COLUMNS,
    )
