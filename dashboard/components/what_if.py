"""What if the dropped pairs were gone: asked on the page, computed by `ecif whatif` in a process of its own."""

from __future__ import annotations

import streamlit as st

from dashboard.jobs import predict_without_dropped
from dashboard.state import store
from engine.runs import RunFolder

SHOWN = "what_if"
METRICS = {
    "zero_shot_accuracy": ("Test pictures named right", "{:.1%}", "normal"),
    "retrieval_recall_at_1": ("Captions found by picture", "{:.1%}", "normal"),
    "validation_loss": ("Validation loss", "{:.3f}", "inverse"),
}


def what_if_panel(run: RunFolder, num_dropped: int) -> None:
    """Ask, wait a few seconds, show the metrics of the model without the dropped pairs.

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
        st.caption("Computed in seconds by a few Gauss–Newton steps on the training objective without these pairs.")
        return
    _, outcome, error = shown
    if outcome is None:
        st.error("This could not be computed.")
        st.text(error)
        return
    with st.container(horizontal=True):
        for name, (label, shape, color) in METRICS.items():
            before, after = outcome["before"][name], outcome["after"][name]
            if after is not None:
                change = shape.format(after - before)
                st.metric(
                    label,
                    shape.format(after),
                    change,
                    delta_color=color,
                    border=True,
                    help="predicted; change from now",
                )
        st.metric("Mistakes mended", len(outcome["mended"]), border=True)
        st.metric("New mistakes", len(outcome["broken"]), border=True)
    for warning in outcome["warnings"]:
        st.warning(warning)
