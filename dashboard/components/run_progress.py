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
    working = [run for run in list_runs(root) if _state(run) == "running"]
    starting = [job for job in known if job.is_alive and jobs.run_of(job, root) is None]
    watched = {run.run_id for run in working} | {job.job_id for job in starting}
    ended = st.session_state.get(WATCHED, set()) - watched
    st.session_state[WATCHED] = watched
    for name in ended:
        _say_how_it_ended(root / name)
    if ended:
        st.rerun()
    for job in starting:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.text(f"{job.name}: starting …", width="stretch")
            _cancel(job)
    for run in working:
        _card(run, jobs.job_of(run, known), root)


def _state(run: RunFolder) -> str:
    try:
        return jobs.state_of(run)[0]
    except EcifError:
        return "damaged"


def _say_how_it_ended(path: Path) -> None:
    if not (path / "config.json").is_file():  # a job that had no folder yet
        return
    state = _state(RunFolder(path))
    icon = ":material/check_circle:" if state == "finished" else ":material/info:"
    st.toast("A run is finished. Open it below." if state == "finished" else "A run has ended early.", icon=icon)


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
