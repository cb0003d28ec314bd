"""Trace-back: the training pairs behind one prediction, and what it would be without them."""

import pandas as pd
import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.culprit_effect import culprit_effect
from dashboard.components.prediction_facts import prediction_facts
from dashboard.components.question import answered
from dashboard.components.trace_sides import trace_sides
from dashboard.places import is_local
from dashboard.questions import trace_question
from dashboard.state import Key
from engine.runs import RunFolder


def traces_of(run: RunFolder, query_id: str) -> pd.DataFrame:
    """The stored pairs behind a prediction, or those that were computed from this page; ends the page without any."""
    traces = cache.table(run, "traces")
    stored = traces[traces["query_id"] == query_id]
    if len(stored):
        return stored
    question = trace_question(run, query_id)
    if question.is_answered:
        return question.traces
    empty("No trace stored for this prediction", "A run traces its surest wrong predictions; any other can be traced "
          + ("now." if is_local() else "in the terminal: `ecif trace RUN --query ID`."),
          ":material/account_tree:")  # fmt: skip
    if is_local():
        answered(question, "Trace this prediction", "Finding the pairs behind it …", key="trace",
                 icon=":material/account_tree:", is_main=True)  # fmt: skip
    st.stop()


run = run_or_stop()
queries = cache.table(run, "queries")
query_id = st.query_params.get(Key.QUERY.value)
found = queries[(queries["query_id"] == query_id) & (queries["kind"] != "validation")]

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
traces = traces_of(run, query_id)
ranked = trace_sides(run, query, traces)
with effect:
    culprit_effect(run, query, ranked, traces)
with st.expander("How to read this"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.RELATIVE_IN_WORDS)
