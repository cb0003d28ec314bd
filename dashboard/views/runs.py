"""Runs: what was computed, what is being computed, and a form to start one on own data."""

import streamlit as st

from dashboard import jobs
from dashboard.components.boxes import empty, header
from dashboard.places import is_local, runs_dir
from dashboard.state import Key
from engine.config import RunConfig, help_of
from engine.errors import EcifError
from engine.runs import list_runs

REFRESH_SECONDS = 2
ICONS = {
    "finished": ":material/check_circle:",
    "running": ":material/progress_activity:",
    "stopped": ":material/pause_circle:",
    "failed": ":material/error:",
}


def form() -> None:
    """Start a run on own data."""
    with st.form("start", border=True):
        st.markdown("**Start a run on your own data**")
        pairs = st.text_input(
            "Table of pairs", placeholder="/data/pairs.csv",
            help="A .csv, .tsv, .jsonl or .parquet file with an image and a caption column. A split column "
            "(train, validation, test) is used if there is one.",
        )  # fmt: skip
        model = st.text_input("Model", placeholder="/models/my-clip", help=help_of("model"))
        with st.expander("More options"):
            validation = st.text_input("Validation table", help=help_of("validation"))
            test = st.text_input("Test table", help=help_of("test"))
            classes = st.text_input("Class names", help=help_of("classes"))
            batch_size = st.number_input("Batch size", 2, 65_536, 128, help=help_of("batch_size"))
            name = st.text_input("Name", help=help_of("name"))
        if not st.form_submit_button("Start", type="primary", icon=":material/play_arrow:"):
            return
    optional = {"validation": validation, "test": test, "classes": classes, "name": name}
    given = {key: value.strip() for key, value in optional.items() if value.strip()}
    try:
        if not pairs.strip() or not model.strip():
            st.warning("Both the table of pairs and the model are needed.")
            return
        jobs.start(
            RunConfig(pairs=pairs.strip(), model=model.strip(), batch_size=batch_size, out=str(runs_dir()), **given)
        )
    except EcifError as error:
        st.error("The run cannot start.")
        st.text(str(error))
        return
    st.toast("The run has started.", icon=":material/play_arrow:")


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
    form()
else:
    st.info(
        "This dashboard is open to other machines, so runs are not started from the page. "
        "Use `ecif run` in a terminal.",
        icon=":material/lock:",
    )
at_work()

st.subheader("All runs", anchor=False)
found = list_runs(runs_dir())
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
        if run.has_table("scores") and run.has_table("queries"):
            st.page_link("views/overview.py", label="Open", icon=":material/open_in_new:",
                         query_params={Key.RUN.value: run.run_id})  # fmt: skip
