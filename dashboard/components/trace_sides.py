"""The pairs that push a prediction towards its answer and those that defend the right one, side by side."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache, wording
from dashboard.components.gallery_page import deciding_gallery
from dashboard.predictions import culprits, roles_of
from dashboard.state import store
from dashboard.tables import bar_scale, pair_tiles
from engine.runs import RunFolder

LOOKS = {"both": "Side by side", "hurts": "Only those that push", "helps": "Only those that defend"}
ROLE_WORDS = {"positive": "Own match", "negative": "As a negative", "both": "Both roles"}
STEP, LIMIT = 12, "trace_limit"


def trace_sides(run: RunFolder, query: pd.Series, traces: pd.DataFrame) -> pd.DataFrame:
    """Both sides as galleries whose pairs can be decided.

    Args:
        run: of the prediction.
        query: its row of the queries table.
        traces: its stored pairs, both sides.

    Returns:
        The pairs that push towards the wrong answer, the strongest first; see `dashboard.predictions.culprits`.
    """
    scores = cache.tables(run).scores_by_id(traces["pair_id"])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        look = st.segmented_control(
            "Which pairs", list(LOOKS), format_func=LOOKS.get, default="both", required=True, key="side",
            bind="query-params",
        )  # fmt: skip
        roles = roles_of(traces)
        role = st.segmented_control(
            "Ranked by what they taught", roles, format_func=ROLE_WORDS.get,
            default=run.config.trace_role if run.config.trace_role in roles else roles[0], required=True, key="role",
            bind="query-params", help=wording.ROLES_IN_WORDS,
        )  # fmt: skip
    sides = {side: culprits(traces, scores, role, side) for side in ("hurts", "helps")}
    is_wrong = not bool(query["correct"])
    titles = {
        "hurts": "Pairs that taught the mistake" if is_wrong else "Pairs that spoke against it",
        "helps": "Pairs that defended the right answer",
    }
    if role != run.config.trace_role:
        st.caption(f"Ranked anew among the {len(traces)} pairs that the run keeps for this prediction.")
    scale = bar_scale(traces)
    shown = list(sides) if look == "both" else [look]
    for column, side in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column:
            st.markdown(f"**{titles[side]}** · {len(sides[side])}")
            _side(run, query["query_id"], side, sides[side], scale)
    st.caption(f"Wrong captions here? Decide at once. {wording.KEYS_IN_WORDS}")
    return sides["hurts"]


def _side(run: RunFolder, query_id: str, side: str, rows: pd.DataFrame, scale: float) -> None:
    if rows.empty:
        st.caption("None.")
        return
    limits = st.session_state.setdefault(LIMIT, {})
    limit = limits.setdefault((query_id, side), STEP)
    shown = rows.head(limit)
    deciding_gallery(
        pair_tiles(shown, run.run_id, cache.decisions(store())),
        run,
        shown["suspicion"].to_dict(),
        key=f"trace_{side}",
        bar_scale=scale,
    )
    more = min(STEP, len(rows) - limit)
    if more > 0 and st.button(f"Show {more} more", key=f"more_{side}", icon=":material/expand_more:"):
        limits[query_id, side] = limit + STEP
        st.rerun()
