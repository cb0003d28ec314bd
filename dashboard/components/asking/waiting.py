"""While the engine works: which step it is at. The page is drawn again as soon as the answer is there."""

from __future__ import annotations

import time

import streamlit as st

from dashboard.asking_process import Asked, AskingEngine
from engine.asking import Question
from engine.runs import RunFolder

RESULTS, SHOWN = "ask_results", "ask_shown"
KEPT = 12
POLL_SECONDS = 0.25
QUICK_SECONDS = 1.5
STEPS = {
    "loading": "Loading the model, once: ten to twenty seconds",
    "embedding": "Looking at the picture",
    "tracing": "Tracing the answer back to the training pairs",
}
DONE, NOW, LATER = ":material/check_circle:", ":material/progress_activity:", ":material/circle:"


@st.cache_resource(show_spinner=False)
def asking_engine() -> AskingEngine:
    """The engine of this server, shared by all sessions."""
    return AskingEngine()


def ask_now(run: RunFolder, question: Question, *, again: bool) -> None:
    """Make a question the one on screen; one that was asked before in this session has its answer already.

    Args:
        run: whose model is asked.
        question: what is asked.
        again: ask once more if it failed. Only where a person says so: a page that asks anew by itself would never
            come to show why.
    """
    results: dict[str, Asked] = st.session_state.setdefault(RESULTS, {})
    key = f"{run.path}:{run.revision}:{question.digest}"
    if key not in results or (again and results[key].error):
        results[key] = asking_engine().ask(run, question)
        for old in list(results)[:-KEPT]:
            del results[old]
    st.session_state[SHOWN] = key


def asked_now() -> Asked | None:
    """The question on screen; None if nothing is asked."""
    return st.session_state.get(RESULTS, {}).get(st.session_state.get(SHOWN))


def forget_question() -> None:
    """Nothing is asked any more; answers stay."""
    st.session_state.pop(SHOWN, None)


def engine_in_words(run: RunFolder) -> None:
    """Begin to load the model of a run that is about to be asked, and say what that takes."""
    engine = asking_engine()
    engine.warm(run, with_model=True)
    memory = 0 if engine.is_loading else engine.memory_bytes
    with st.container(border=True, height="stretch"):
        st.markdown("##### Press Ask")
        st.markdown(
            "You get the model's answer and the training pairs that pushed towards it or away from it. "
            "Then change the class or the caption: every change is answered at once."
        )
        st.caption(
            f"The engine holds {memory / 1e9:.1f} GB of memory and leaves ten minutes after the last question."
            if memory
            else "The model is being loaded, which takes ten to twenty seconds once. It leaves the memory ten minutes "
            "after the last question."
        )


def wait_for(asked: Asked) -> None:
    """Show the steps until the question is done; an answer that comes at once shows none of them."""
    engine = asking_engine()
    is_ready = engine.pid is not None and not engine.is_loading
    if asked.done.wait(QUICK_SECONDS if is_ready else 0.0):
        return
    started = time.monotonic()

    @st.fragment(run_every=POLL_SECONDS)
    def steps() -> None:
        if asked.done.is_set():
            st.rerun()
        with st.container(border=True):
            st.markdown(f"##### :material/hourglass_top: Working on it … {time.monotonic() - started:.0f} s")
            state = "loading" if asked.state == "waiting" and engine.is_loading else asked.state
            names = list(STEPS)
            now = names.index(state) if state in names else -1
            if now < 0:
                st.markdown(f"In line with {engine.num_waiting} others: one question is answered at a time.")
            for number, name in enumerate(names):
                icon = DONE if number < now else NOW if number == now else LATER
                st.markdown(f"{icon} **{STEPS[name]}**" if number == now else f"{icon} {STEPS[name]}")

    steps()
    st.stop()
