"""Trace-back: the training pairs behind one prediction, ready to be decided."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import Key, store
from dashboard.tables import bar_scale, pair_tiles, trace_rows

SIDES = {"hurts": "Pairs that taught the mistake", "helps": "Pairs that spoke against it"}
STEP = 15

run = run_or_stop()
queries, traces = cache.table(run, "queries"), cache.table(run, "traces")
query_id = st.query_params.get(Key.QUERY.value)
found = queries[(queries["query_id"] == query_id) & (queries["kind"] != "validation")]

if found.empty:
    header("Trace-back", "The training pairs behind one prediction.")
    empty("Choose a prediction first", "Open the **Predictions** page and click a wrong one.", ":material/ads_click:")
    st.page_link("views/predictions.py", label="Predictions", icon=":material/psychology_alt:",
                 query_params={Key.RUN.value: run.run_id})  # fmt: skip
    st.stop()

query = found.iloc[0]
pair = cache.pairs(run).loc[query["pair_id"]]
is_class = query["kind"] == "classification"
wrong = not bool(query["correct"])

header(
    "Why did the model say this?" if wrong else "Who taught the model this?",
    "The training pairs that pushed the model towards this answer, and those that pulled it away.",
)
picture, words = st.columns([1, 4], vertical_alignment="center")
picture.image(cache.picture(str(run.path), run.revision, query["pair_id"]), width=200)
with words:
    says, truth, sure = st.columns([2, 2, 1])
    for column, label, value in (
        (says, "The model says" if is_class else "The model picks", query["predicted_label"]),
        (truth, "It is" if is_class else "It should pick", query["true_label"]),
        (sure, "How sure", f"{query['confidence']:.0%}"),
    ):
        with column.container(border=True, height="stretch"):
            st.caption(label)
            st.text(value)
    if is_class:
        st.caption("Caption of this test picture")
        st.text(pair["caption"])

side = st.segmented_control(
    "Side", list(SIDES), format_func=SIDES.get, default="hurts", required=True, key="side", bind="query-params",
    label_visibility="collapsed",
)  # fmt: skip
rows = trace_rows(traces, cache.train_scores(run), query["query_id"], side)
if rows.empty:
    empty(
        "No trace stored for this prediction",
        "A run traces its surest wrong predictions. `ecif trace RUN --query ID` computes any other in the terminal.",
        ":material/account_tree:",
    )
    st.stop()

limit = st.session_state.setdefault("trace_limit", {}).setdefault(query["query_id"], STEP)
shown = rows.head(limit)
st.markdown(
    f"{wording.RANKED_IN_WORDS[run.config.trace_role]} Wrong captions here? Decide at once. {wording.KEYS_IN_WORDS}"
)
deciding_gallery(
    pair_tiles(shown, run.run_id, cache.decisions(store())),
    run,
    shown["suspicion"].to_dict(),
    key="trace_gallery",
    bar_scale=bar_scale(rows),
)
if len(rows) > limit and st.button(f"Show {min(STEP, len(rows) - limit)} more", icon=":material/expand_more:"):
    st.session_state["trace_limit"][query["query_id"]] = limit + STEP
    st.rerun()
with st.expander("How to read this"):
    st.markdown(wording.INFLUENCE_IN_WORDS)
    st.markdown(wording.ROLES_IN_WORDS)
    st.markdown(wording.RELATIVE_IN_WORDS)
