"""What if the dropped pairs were gone: asked on the page, computed by `ecif whatif` in a process of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.jobs import Retraining, predict_without_dropped
from dashboard.state import store
from engine.runs import RunFolder

SHOWN, CHECKED = "what_if", "what_if_retrained"
METRICS = {
    "zero_shot_accuracy": ("Test pictures named right", "{:.1%}", "normal"),
    "retrieval_recall_at_1": ("Captions found by picture", "{:.1%}", "normal"),
    "validation_loss": ("Validation loss", "{:.3f}", "inverse"),
}


def what_if_panel(run: RunFolder, num_dropped: int) -> None:
    """Ask, wait a few seconds, show the metrics of the model without the dropped pairs, and offer the truth.

    Args:
        run: whose model is asked about.
        num_dropped: training pairs of the run that are decided to be dropped.
    """
    st.subheader("What if the dropped pairs were gone?", anchor=False)
    asked = (run.run_id, store().revision())
    if st.button(f"Predict the model without {num_dropped:,} pairs", icon=":material/model_training:"):
        with st.spinner("Leaving the pairs out, without retraining …"):
            st.session_state[SHOWN] = (asked, *predict_without_dropped(run.path))
    shown = st.session_state.get(SHOWN)
    if shown is None or shown[0] != asked:
        st.caption("Computed in seconds: a few iterations on the training objective without these pairs.")
        return
    _, outcome, error = shown
    if outcome is None:
        _failed(error)
        return
    st.caption(outcome["how"])
    _metrics(outcome["before"], outcome["after"], "predicted; change from now", _mistakes(outcome))
    for warning in outcome["warnings"]:
        st.warning(warning)
    if st.button("Check it by training again", icon=":material/fact_check:", help="Takes as long as a training."):
        st.session_state[CHECKED] = (asked, Retraining.start(run.path, ("--dropped", "--retrain")))
    checked = st.session_state.get(CHECKED)
    if checked is not None and checked[0] == asked:
        _truth(checked[1])


def _truth(question: Retraining) -> None:
    """The retrained model beside the prediction, as soon as it is there."""

    @st.fragment(run_every="2s" if question.is_alive else None)
    def waiting() -> None:
        if question.is_alive:
            st.info(f"Training without the pairs … {question.seconds:.0f} s", icon=":material/hourglass_top:")
            return
        outcome, error = question.outcome()
        if outcome is None:
            _failed(error)
            return
        truth = outcome["retrained"]
        st.caption(f"{truth['how']} It took {truth['seconds']:.1f} s.")
        _metrics(outcome["before"], truth["metrics"], "retrained; change from now", {})

    waiting()


def _metrics(before: dict[str, Any], after: dict[str, Any], words: str, more: dict[str, int]) -> None:
    with st.container(horizontal=True):
        for name, (label, shape, color) in METRICS.items():
            if after[name] is not None:
                change = shape.format(after[name] - before[name])
                st.metric(label, shape.format(after[name]), change, delta_color=color, border=True, help=words)
        for label, count in more.items():
            st.metric(label, count, border=True)


def _mistakes(outcome: dict[str, Any]) -> dict[str, int]:
    return {"Mistakes mended": len(outcome["mended"]), "New mistakes": len(outcome["broken"])}


def _failed(error: str) -> None:
    st.error("This could not be computed.")
    st.text(error)
