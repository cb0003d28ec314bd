"""Step 3: the model is loaded and timed on a few of the pairs; then the run can start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import jobs
from dashboard.components.wizard.asking import answer_of, forget, was_asked
from dashboard.components.wizard.data_step import CHECK
from dashboard.components.wizard.options import empty_option
from engine.config import RunConfig
from engine.errors import EcifError
from engine.estimates import Estimate, duration, from_json, megabytes

ESTIMATE = "wizard_estimate"
REFUSED = "wizard_refused"
LIMIT_SECONDS = 600.0


def start_step(config: RunConfig, found: dict[str, Any]) -> None:
    """Say what the run will take, as soon as that is asked, and start it.

    Args:
        config: a run whose options fit together.
        found: what `ecif check` said about its pairs.
    """
    question = config.to_json()
    if not was_asked(ESTIMATE, question):
        st.markdown("The model is loaded once and timed on a few of your pictures. Nothing is stored.")
        if not st.button("Check the model and estimate the time", type="primary", icon=":material/timer:"):
            return
    answer = answer_of(
        ESTIMATE,
        question,
        *("estimate", "{config}", "--checked", "{checked}"),
        limit_seconds=LIMIT_SECONDS,
        saying="Loading the model",
        given={"config": json.loads(question), "checked": found},
    )
    if answer is None:
        return
    values, sentence = answer
    if values is None:
        st.error("The model cannot be used as it is.", icon=":material/error:")
        st.text(sentence.removeprefix("ecif estimate: "))
        st.button("Try again", on_click=forget, args=(ESTIMATE,), icon=":material/refresh:")
        if ":" in config.model and not Path(config.model.partition(":")[2]).exists():
            st.caption("A check never downloads. The run itself may, if this machine is online.")
            _start_button(config, None, "Start anyway", is_primary=False)
        return
    estimate = from_json(values)
    _said(config, estimate)
    _start_button(config, estimate, "Start", is_primary=True)


def _said(config: RunConfig, estimate: Estimate) -> None:
    free = shutil.disk_usage(_existing(Path(config.out))).free
    with st.container(horizontal=True):
        st.metric("Time", duration(*estimate.seconds), border=True)
        st.metric("Room on the disk", megabytes(estimate.disk_bytes), border=True)
    for sentence in estimate.how:
        st.text(sentence)
    if estimate.disk_bytes > free:
        st.warning(f"Only {megabytes(free)} are free where the runs are.", icon=":material/hard_drive:")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())


def _start_button(config: RunConfig, estimate: Estimate | None, label: str, is_primary: bool) -> None:
    kind = "primary" if is_primary else "secondary"
    st.button(
        label, type=kind, icon=":material/play_arrow:", key="wizard_start", on_click=_start, args=(config, estimate)
    )
    if refused := st.session_state.pop(REFUSED, None):
        st.error("The run cannot start.", icon=":material/error:")
        st.text(refused)


def _start(config: RunConfig, estimate: Estimate | None) -> None:
    """Start the run and make room for the next: the model and the options stay filled in."""
    try:
        jobs.start(config, estimate)
    except EcifError as error:
        st.session_state[REFUSED] = str(error)
        return
    empty_option("pairs")
    forget(CHECK)
    forget(ESTIMATE)
    st.toast("The run has started. It goes on when you close this page.", icon=":material/play_arrow:")
