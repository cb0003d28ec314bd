"""What one prediction would be without the pairs that taught it: the first-order sum at once, the answer on demand."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.components.gallery import selected_pairs
from dashboard.components.question import answered
from dashboard.components.review import send_to_review
from dashboard.places import is_local
from dashboard.predictions import loss_in_words
from dashboard.questions import WhatIfQuestion, keep_set, what_if_question
from dashboard.state import go
from dashboard.what_if_words import accuracy_in_words
from engine.runs import RunFolder

NUMBERS = (5, 10, 20, 50)
DEFAULT = 10
GALLERIES = ("trace_hurts", "trace_helps")


def culprit_effect(run: RunFolder, query: pd.Series, ranked: pd.DataFrame, traces: pd.DataFrame) -> None:
    """A panel about leaving the strongest culprits out, or those selected below.

    Args:
        run: of the prediction.
        query: its row of the queries table.
        ranked: the pairs that push towards the wrong answer, the strongest first.
        traces: stored pairs of this prediction, both sides.
    """
    if ranked.empty:
        return
    with st.container(border=True):
        traced = set(traces["pair_id"])
        selected = tuple(one for key in GALLERIES for one in selected_pairs(key) if one in traced)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**What if these were gone?**", width="content")
            if selected:
                pair_ids = list(selected)
                st.markdown(f"The **{len(selected)} selected** below", width="content")
            else:
                offered = [one for one in NUMBERS if one <= len(ranked)] or [len(ranked)]
                number = st.segmented_control(
                    "Strongest culprits", offered, default=DEFAULT if DEFAULT in offered else offered[0],
                    format_func=lambda one: f"top {one}", required=True, key="strongest", bind="query-params",
                    label_visibility="collapsed",
                )  # fmt: skip
                pair_ids = list(ranked.index[:number])
        change = float(traces.set_index("pair_id")["influence"][pair_ids].sum())
        st.markdown(loss_in_words(change, query["loss"], query["kind"] == "classification", len(pair_ids)))
        st.caption("To first order: the sum of the single effects. The check computes the model without them.")
        _acts(run, query, pair_ids)


def _acts(run: RunFolder, query: pd.Series, pair_ids: list[str]) -> None:
    """Check, send to review, open as a what-if; and what the check found."""
    kept = query["query_id"] if query["correct"] else None  # wrong ones are always reported
    question = what_if_question(run, pair_ids, query_id=kept)
    result = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        is_there = is_local() and answered(
            question, f"Check without these {len(pair_ids)}", f"Predicting without {len(pair_ids)} pairs …",
            key="culprits", icon=":material/model_training:", is_main=True,
        )  # fmt: skip
        if st.button(f"Send {len(pair_ids)} to review", icon=":material/playlist_add:", key="to_review"):
            st.toast(send_to_review(pair_ids, run.run_id))
        if is_local() and st.button("Open in What-if", icon=":material/arrow_forward:", key="to_what_if"):
            go("what_if", of="ids", set=keep_set(run.path.parent, pair_ids))
    if is_there:
        with result:
            _found(question, query)


def _found(question: WhatIfQuestion, query: pd.Series) -> None:
    """What the model without the pairs says about this prediction, and about all others."""
    outcome = question.outcome
    one = next((p for p in outcome["predictions"] if p["query_id"] == query["query_id"]), None)
    if one is None:
        st.error("This answer does not hold the prediction. Ask again on a newer run.")
        return
    before, after = one["before"], one["after"]
    if after["correct"] and not before["correct"]:
        word, icon = "**Mended.** Without these pairs the model gets it right.", ":material/check_circle:"
    elif before["correct"] and not after["correct"]:
        word, icon = "**Broken.** Without these pairs the model gets it wrong.", ":material/cancel:"
    else:
        word = "**Still right.**" if after["correct"] else "**Still wrong.**"
        icon = ":material/radio_button_unchecked:"
    st.markdown(
        f"{icon} {word} The loss of this prediction goes from {before['loss']:.2f} to **{after['loss']:.2f} nats**; "
        f"the model is {after['confidence']:.0%} sure ({before['confidence']:.0%} now) and says"
    )
    st.text(after["predicted_label"])
    st.caption(f"All test pairs: {accuracy_in_words(outcome)}")
    for warning in outcome["warnings"]:
        st.warning(warning)
