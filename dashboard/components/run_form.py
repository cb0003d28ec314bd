"""The form that starts a run on own data."""

from __future__ import annotations

import streamlit as st

from dashboard import jobs
from dashboard.places import runs_dir
from engine.config import RunConfig, help_of
from engine.errors import EcifError


def run_form() -> None:
    """Ask for a table of pairs and a model, and start a run in the background."""
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
