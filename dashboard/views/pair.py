"""Pair: one image and its caption, what it does to the model, and what is to become of it."""

import streamlit as st

from dashboard import cache, charts, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.decision_form import decision_form
from dashboard.components.disturbed import disturbed_pairs
from dashboard.components.facts import score_row
from dashboard.components.gallery import gallery
from dashboard.components.suggestions import suggested_captions
from dashboard.components.why import why_suspected
from dashboard.state import Key, go, store
from dashboard.tables import for_reading, pair_tiles, prediction_tiles

MOST_RELATED = 6

run = run_or_stop()
pairs, scores = cache.pairs(run), cache.train_scores(run)
pair_id = st.query_params.get(Key.PAIR.value)
if pair_id not in pairs.index:
    header("Pair", "One image and its caption, close up.")
    empty("Choose a pair first", "Click a picture on the **Suspicious pairs** page.", ":material/ads_click:")
    st.page_link("views/suspicious.py", label="Suspicious pairs", icon=":material/image_search:",
                 query_params={Key.RUN.value: run.run_id})  # fmt: skip
    st.stop()

pair = pairs.loc[pair_id]
score = scores.loc[pair_id] if pair_id in scores.index else None
decisions = cache.decisions(store())
standing = decisions.loc[pair_id] if pair_id in decisions.index else None

header("Pair", "Is this what the picture shows? And what does the pair do to the model?")
picture, side = st.columns([2, 3], gap="large")
with picture:
    st.image(cache.picture(str(run.path), run.revision, pair_id), width="stretch")
    size = f"{pair['width']} × {pair['height']} pixels" if pair["width"] else "given as features, without a picture"
    st.caption(f"{pair['split']} pair · {size}")
    st.text(f"{pair['image']}\n{pair_id}")

with side:
    st.caption("Caption")
    with st.container(border=True):
        st.text(pair["caption"])
    decision_form(run, pair, standing, score)
    if score is not None:
        suggested_captions(run, score)

if score is None:
    st.info(f"This is a {pair['split']} pair: the model did not learn from it, so it has no influence.")
    st.stop()

score_row(score, scores)
why_suspected(run, score)
left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.markdown("**What it does to the validation loss**", help=wording.ROLES_IN_WORDS)
    st.plotly_chart(charts.role_bars(score["influence_positive"], score["influence_negative"]), config=charts.CONFIG)
    st.caption("Orange: without this pair the model would be less wrong. Teal: it helps.")
with right.container(border=True, height="stretch"):
    st.markdown("**History**")
    history = store().history(pair_id)
    if history.empty:
        st.markdown("Nobody has decided this pair yet.")
    else:
        st.dataframe(
            for_reading(history)[["decided_at", "annotator", "verdict", "new_caption"]],
            hide_index=True,
            column_config=wording.DECISION_COLUMNS,
        )

traces, queries = cache.table(run, "traces"), cache.table(run, "queries")
mistakes = traces[(traces["pair_id"] == pair_id) & (traces["side"] == "hurts")].nsmallest(MOST_RELATED, "rank")
if len(mistakes):
    st.subheader("Mistakes it is behind", anchor=False)
    st.markdown("Wrong predictions for which this pair is among the culprits, the clearest first.")
    asked = queries.set_index("query_id", drop=False).loc[mistakes["query_id"]]
    opened = gallery(prediction_tiles(asked, pairs, run.run_id), key="pair_mistakes")
    if opened:
        go("trace_back", query=opened)

disturbed_pairs(run, pair_id, decisions)

alike = scores[(scores["duplicate_group"] == score["duplicate_group"]) & (scores.index != pair_id)]
if score["duplicate_group"] >= 0 and len(alike):
    st.subheader("The same or nearly the same picture", anchor=False)
    opened = gallery(pair_tiles(alike.head(MOST_RELATED), run.run_id, decisions), key="pair_duplicates")
    if opened:
        go("pair", pair=opened)
