"""The runs that work now, wherever they were started, drawn anew every two seconds."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import jobs
from dashboard.places import is_local, runs_dir
from dashboard.run_steps import Step, expected_seconds, left_in_words, share_done, steps_of
from engine.errors import EcifError
from engine.runs import RunFolder, list_runs

REFRESH_SECONDS = 2
LOG_LINES = 40
WATCHED = "watched_runs"
MARKS = {"done": "✓", "now": "▸", "waiting": "·"}


@st.fragment(run_every=REFRESH_SECONDS)
def run_progress() -> None:
    """One card per run at work; when one ends, a word about it and the whole page anew."""
    root = runs_dir()
    known = jobs.jobs(root)
    working = [run for run in list_runs(root) if state_in_a_word(run) == "running"]
    starting = [job for job in known if job.is_alive and jobs.run_of(job, root) is None]
    watched = {run.run_id for run in working} | {job.job_id for job in starting}
    before = st.session_state.get(WATCHED, watched)
    st.session_state[WATCHED] = watched
    by_id = {job.job_id: job for job in known}
    for name in before - watched:
        if name in by_id:
            _say_what_became_of(by_id[name], root)
        else:
            _say_how_it_ended(RunFolder(root / name))
    if before != watched:
        st.rerun()
    for job in starting:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.text(f"{job.name}: starting …", width="stretch")
            if is_local():
                _cancel(job)
    for run in working:
        _card(run, jobs.job_of(run, known), root)


def state_in_a_word(run: RunFolder) -> str:
    """finished, running, stopped, failed, or damaged where its files cannot be read."""
    try:
        return jobs.state_of(run)[0]
    except EcifError:
        return "damaged"


def _say_what_became_of(job: jobs.Job, root: Path) -> None:
    """A job that was starting has a run now, which may be over already, or had nothing to do."""
    run = jobs.run_of(job, root)
    if run is not None and state_in_a_word(run) != "running":
        _say_how_it_ended(run)
    elif run is None and not job.is_alive and jobs.printed_run(job, root):
        st.toast("This very run was finished before. Open it below.", icon=":material/info:")


def _say_how_it_ended(run: RunFolder) -> None:
    is_finished = state_in_a_word(run) == "finished"
    icon = ":material/check_circle:" if is_finished else ":material/info:"
    st.toast("A run is finished. Open it below." if is_finished else "A run has ended early.", icon=icon)


def _card(run: RunFolder, job: jobs.Job | None, root: Path) -> None:
    progress = run.progress
    steps = steps_of(progress, run.record)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container():
                st.text(run.run_id)
                st.caption(
                    f"{progress.get('step', 'starting')} · {left_in_words(run, expected_seconds(run, job, root))}"
                )
            if job and is_local():
                _cancel(job)
        st.progress(share_done(steps, progress))
        if not job:
            st.caption("Started in a terminal: Ctrl+C stops it there.")
        st.text("\n".join(_line(step) for step in steps))
        words = jobs.last_words(job, root, LOG_LINES) if job else ""
        if words:
            with st.expander("Log"):
                st.text(words)


def _line(step: Step) -> str:
    seconds = f"  {step.seconds:,.0f} s" if step.seconds is not None else ""
    return f"{MARKS[step.state]}  {step.title}{seconds}"


def _cancel(job: jobs.Job) -> None:
    if st.button("Cancel", key=f"cancel_{job.job_id}", icon=":material/stop_circle:"):
        jobs.stop(job)
        st.rerun()
