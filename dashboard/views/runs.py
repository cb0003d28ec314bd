"""Runs: what was computed, what is being computed, and a form to start one on own data."""

import dataclasses

import streamlit as st

from dashboard import jobs
from dashboard.components.boxes import empty, header
from dashboard.components.run_form import run_form
from dashboard.places import is_local, runs_dir
from dashboard.state import Key
from engine.errors import EcifError
from engine.runs import list_runs

REFRESH_SECONDS = 2
ICONS = {
    "finished": ":material/check_circle:",
    "running": ":material/progress_activity:",
    "stopped": ":material/pause_circle:",
    "failed": ":material/error:",
}


@st.fragment(run_every=REFRESH_SECONDS)
def at_work() -> None:
    """The jobs that run, or ended badly; drawn anew every two seconds."""
    root = runs_dir()
    known = jobs.jobs(root)
    alive = [job for job in known if job.is_alive]
    if st.session_state.get("num_alive", 0) > len(alive):
        st.session_state["num_alive"] = len(alive)
        st.rerun()
    st.session_state["num_alive"] = len(alive)
    for job in alive:
        run = jobs.run_of(job, root)
        progress = run.progress if run else {}
        with st.container(border=True):
            words, button = st.columns([5, 1], vertical_alignment="center")
            with words:
                st.text(f"{job.name}: {progress.get('step', 'starting')}")
                step, steps = progress.get("step_index", 0), progress.get("num_steps", 1)
                share = progress.get("done", 0) / max(progress.get("total", 1), 1)
                left = progress.get("seconds_left")
                st.progress(
                    min((step + share) / steps, 1.0),
                    f"Step {step + 1} of {steps}" + (f" · about {left:.0f} s left in this step" if left else ""),
                )
            if button.button("Cancel", key=f"cancel_{job.job_id}", icon=":material/stop_circle:"):
                jobs.stop(job)
                st.rerun()
    ended = next((job for job in known[:1] if not job.is_alive), None)
    words = jobs.last_words(ended, root) if ended else ""
    run = jobs.run_of(ended, root) if ended else None
    if ended and not (run and run.is_finished) and words:
        with st.container(border=True):
            st.markdown(":material/info: **The last run you started did not finish.** It said:")
            st.text(words)


header(
    "Runs", "A run reads a table of pairs, embeds it once and scores every pair. It goes on when you close this page."
)
if is_local():
    run_form()
else:
    st.info(
        "This dashboard is open to other machines, so runs are not started from the page. "
        "Use `ecif run` in a terminal.",
        icon=":material/lock:",
    )
at_work()

st.subheader("All runs", anchor=False)
root = runs_dir()
found = list_runs(root)
if not found:
    empty("No runs here yet", "Start one above, or type `ecif demo` in the terminal.", ":material/folder_open:")
for run in found:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        try:
            state, progress = jobs.state_of(run)
            record = run.record
        except EcifError as error:
            st.text(f"{run.run_id}: {error}")
            continue
        counts = record.get("counts", {})
        with st.container():
            st.text(run.run_id)
            seconds = sum(step["seconds"] for step in record.get("steps", {}).values())
            started = record.get("created_at", "")[:16].replace("T", " ")
            work = f" · {seconds:.0f} s of work" if seconds else ""
            st.caption(f"{ICONS[state]} {state} · {counts.get('train', 0):,} training pairs · started {started}{work}")
            if state == "failed":
                st.text(progress.get("message") or "")
        if state in ("stopped", "failed") and is_local() and st.button("Go on", key=f"resume_{run.run_id}"):
            jobs.start(dataclasses.replace(run.config, out=str(root)))
            st.rerun()
        if run.has_table("scores") and run.has_table("queries"):
            st.page_link("views/overview.py", label="Open", icon=":material/open_in_new:",
                         query_params={Key.RUN.value: run.run_id})  # fmt: skip
