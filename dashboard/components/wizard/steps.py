"""The three steps under each other; a step appears when the one before it is good."""

from __future__ import annotations

import streamlit as st

from dashboard.components.wizard.data_step import data_step
from dashboard.components.wizard.model_step import model_step
from dashboard.components.wizard.start_step import start_step


def start_wizard() -> None:
    """Ask for the data, check it, ask for the model, say what the run will take, and start it in the background.

    Nothing is computed in this process: the checks are processes of their own, with a time limit.
    """
    st.markdown("#### 1 · The data")
    data = data_step()
    if data is None:
        return
    options, found = data
    st.divider()
    st.markdown("#### 2 · The model")
    config = model_step(options)
    if config is None:
        return
    st.divider()
    st.markdown("#### 3 · What it will take")
    start_step(config, found)
