"""The model without a set of pairs: predicted, how sure that is, which answers change, and the truth by retraining."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import cache, charts
from dashboard.components.prediction_cards import prediction_list
from dashboard.components.question import answered
from dashboard.predictions import changed_cards, pairs_on
from dashboard.questions import what_if_question
from dashboard.state import go
from dashboard.what_if_words import (
    INTERVAL_IN_WORDS,
    METRICS,
    change_in_words,
    interval_in_words,
    may_be_chance,
    value_in_words,
    verdict_in_words,
)
from dashboard.wording import pairs_in_words
from engine.runs import RunFolder

FEW = 12
SIDES = {"mended": "Mended", "broken": "Newly wrong"}


def what_if_panel(run: RunFolder, pair_ids: list[str]) -> None:
    """Ask, wait, show the outcome, and offer to check it.

    Args:
        run: whose model is asked about.
        pair_ids: training pairs to leave out; not empty.
    """
    number = pairs_in_words(len(pair_ids))
    question = what_if_question(run, pair_ids)
    if not answered(question, f"Predict the model without {number}", f"Leaving {number} out, without retraining …",
                    key="predict", icon=":material/model_training:", is_main=True):  # fmt: skip
        st.caption("Computed in seconds: a few iterations on the training objective without these pairs.")
        return
    outcome = question.outcome
    st.markdown(f"#### Predicted without {number}")
    st.markdown(verdict_in_words(outcome["changes"]))
    _metrics(outcome["changes"])
    st.caption(INTERVAL_IN_WORDS)
    st.caption(f"How far the prediction may be off: {outcome['how']}")
    for warning in outcome["warnings"]:
        st.warning(warning)
    _answers(run, outcome)
    _truth(run, pair_ids, outcome)


def _metrics(changes: dict[str, dict[str, Any]]) -> None:
    """A card for each metric; a change that may be chance is grey."""
    shown = [name for name in METRICS if name in changes]
    for column, name in zip(st.columns(len(shown)), shown, strict=True):
        one = changes[name]
        color = "inverse" if name == "validation_loss" else "normal"
        with column.container(border=True, height="stretch"):
            st.metric(
                METRICS[name], value_in_words(name, one["after"]), change_in_words(name, one["change"]),
                delta_color="off" if may_be_chance(one) else color, delta_description="from "
                + value_in_words(name, one["before"]),
            )  # fmt: skip
            st.caption(interval_in_words(name, one))


def _answers(run: RunFolder, outcome: dict[str, Any]) -> None:
    """Mended and broken predictions as cards; a click opens the Trace-back."""
    by_side = {side: [one for one in outcome["predictions"] if one["query_id"] in set(outcome[side])] for side in SIDES}
    side = st.segmented_control(
        "Answers that change", list(SIDES), format_func=lambda one: f"{SIDES[one]} · {len(by_side[one])}",
        default="mended", required=True, key="changed", bind="query-params",
    )  # fmt: skip
    if not by_side[side]:
        st.caption("None.")
        return
    is_all = len(by_side[side]) <= FEW or st.toggle(f"Show all {len(by_side[side])}", key=f"all_{side}")
    shown = by_side[side] if is_all else by_side[side][:FEW]
    queries = cache.table(run, "queries").set_index("query_id")
    on_cards = pairs_on(queries.loc[[one["query_id"] for one in shown]])
    pairs = cache.tables(run).pairs_by_id(on_cards, ["thumbnail"])
    opened = prediction_list(changed_cards(shown, queries, pairs, run.run_id), key=f"changed_{side}")
    if opened:
        go("trace_back", query=opened)


def _truth(run: RunFolder, pair_ids: list[str], outcome: dict[str, Any]) -> None:
    """The retrained model beside the prediction."""
    st.markdown("#### Check by training again")
    question = what_if_question(run, pair_ids, retrain=True)
    if not answered(question, "Train again without these pairs", "Training again without these pairs …", key="retrain",
                    icon=":material/fact_check:"):  # fmt: skip
        st.caption("Takes as long as a training. It goes on when you leave the page, and is found again here.")
        return
    truth = question.outcome["retrained"]
    st.caption(f"{truth['how']} It took {truth['seconds']:.1f} s.")
    st.plotly_chart(charts.predicted_and_retrained(outcome["changes"], truth["changes"]), config=charts.CONFIG)
    agree = len(set(outcome["mended"]) & set(truth["mended"]))
    st.markdown(
        f"Of the {len(outcome['mended'])} answers predicted to be mended, **{agree} are mended by retraining**; "
        f"retraining mends {len(truth['mended'])} and breaks {len(truth['broken'])}."
    )
