"""Runs: what works now, a wizard that starts a run on own data, and all runs there are."""

import dataclasses

import streamlit as st

from dashboard import jobs
from dashboard.components.boxes import empty, header
from dashboard.components.run_progress import run_progress, state_in_a_word
from dashboard.components.wizard import start_wizard
from dashboard.places import is_local, runs_dir
from dashboard.state import Key
from engine.errors import EcifError
from engine.runs import RunFolder, list_runs

LOG_LINES = 40
ICONS = {
    "finished": ":material/check_circle:",
    "stopped": ":material/pause_circle:",
    "failed": ":material/error:",
}

root = runs_dir()
found, known = list_runs(root), jobs.jobs(root)


def failed_before_it_began() -> jobs.Job | None:
    """The job started last, if it ended without making a run folder."""
    last = known[0] if known else None
    if last is None or last.is_alive or jobs.run_of(last, root) or jobs.printed_run(last, root):
        return None
    return last


def one_run(run: RunFolder) -> None:
    """A run with its state, what can be done about it, and what it said if it ended badly."""
    RunFolder.open(run.path)  # says what is wrong with one that was copied in part, or damaged
    (state, progress), record = jobs.state_of(run), run.record
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            st.text(run.run_id)
            seconds = sum(step["seconds"] for step in record.get("steps", {}).values())
            started = record.get("created_at", "")[:16].replace("T", " ")
            work = f" · {seconds:,.0f} s of work" if seconds else ""
            counts = record.get("counts", {})
            pairs = f" · {counts['train']:,} training pairs" if "train" in counts else ""
            st.caption(f"{ICONS[state]} {state}{pairs} · started {started}{work}")
        can_go_on = state in ("stopped", "failed") and is_local()
        if can_go_on and st.button("Go on", key=f"resume_{run.run_id}", icon=":material/play_arrow:"):
            jobs.start(dataclasses.replace(run.config, out=str(root)))
            st.rerun()
        if run.has_table("ranked") and run.has_table("queries"):
            st.page_link("views/overview.py", label="Open", icon=":material/open_in_new:",
                         query_params={Key.RUN.value: run.run_id})  # fmt: skip
    if state in ("failed", "stopped"):
        st.text(progress.get("message") or "It ended without a word, as when the machine stops. Go on resumes it.")
        job = jobs.job_of(run, known)
        if words := jobs.last_words(job, root, LOG_LINES) if job else "":
            with st.expander("Log"):
                st.text(words)


header("Runs", "A run reads your pairs, embeds them once and scores every one. It goes on when you close this page.")
run_progress()
failed = failed_before_it_began()
if failed:
    with st.container(border=True):
        st.markdown(":material/error: **The last run you started could not begin.** It said:")
        st.text(jobs.last_words(failed, root))
if is_local():
    with st.expander("Start a run on your own data", expanded=not found, icon=":material/play_circle:"):
        start_wizard()
else:
    st.info(
        "This dashboard is open to other machines, so runs are not started from the page. "
        "Use `ecif run` in a terminal.",
        icon=":material/lock:",
    )

st.subheader("All runs", anchor=False)
if not found:
    empty("No runs here yet", "Start one above, or type `ecif demo` in the terminal.", ":material/folder_open:")
for run in found:
    if state_in_a_word(run) == "running":  # it has a card above
        continue
    with st.container(border=True):
        try:
            one_run(run)
        except EcifError as error:
            st.text(f"{run.run_id}: {error}")
