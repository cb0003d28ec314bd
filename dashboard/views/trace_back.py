"""Trace-back: the training pairs behind one prediction, and what it would be without them."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.culprit_effect import culprit_effect
from dashboard.components.prediction_facts import prediction_facts
from dashboard.components.trace_sides import trace_sides
from dashboard.components.traced_now import traces_of
from dashboard.state import Key

run = run_or_stop()
query_id = st.query_params.get(Key.QUERY.value)
found = cache.tables(run).rows("SELECT * FROM queries WHERE query_id = ? AND kind <> 'validation'", [query_id])

if found.empty:
    header("Trace-back", "The training pairs behind one prediction.")
    empty("Choose a prediction first", "Open the **Predictions** page and click a wrong one.", ":material/ads_click:")
    st.page_link("views/predictions.py", label="Predictions", icon=":material/psychology_alt:",
                 query_params={Key.RUN.value: run.run_id})  # fmt: skip
    st.stop()

query = found.iloc[0]
header(
    "Who taught the model this?" if query["correct"] else "Why did the model say this?",
    "The training pairs that pushed the model towards this answer, and those that pulled it away.",
)
facts, effect = st.columns([5, 6], gap="medium")
with facts:
    prediction_facts(run, query)
with effect:
    traces = traces_of(run, query_id)
ranked = trace_sides(run, query, traces)
with effect:
    culprit_effect(run, query, ranked, traces)
with st.expander("How to read this"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.RELATIVE_IN_WORDS)
