"""Pair: one image and its caption, what it does to the model, and what is to become of it."""

import streamlit as st

from dashboard import cache, charts, wording
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.decision_form import decision_form
from dashboard.components.disturbed import disturbed_pairs
from dashboard.components.facts import score_row
from dashboard.components.gallery import gallery
from dashboard.components.history import decision_history
from dashboard.components.list_steps import step_buttons, steps_from
from dashboard.components.nearest import nearest_pairs
from dashboard.components.prediction_cards import prediction_list
from dashboard.components.suggestions import suggested_captions
from dashboard.components.why import why_suspected
from dashboard.originals import SMALL_ONLY, may_be_read
from dashboard.predictions import prediction_cards
from dashboard.state import Key, go, store
from dashboard.tables import pair_tiles

MISTAKES = (
    "SELECT queries.* FROM traces JOIN queries USING (query_id) "
    "WHERE traces.pair_id = ? AND side = 'hurts' ORDER BY rank LIMIT 5"
)
ALIKE = (
    "SELECT pair_id FROM ranked WHERE duplicate_group = ? AND duplicate_group >= 0 AND pair_id <> ? "
    "ORDER BY place LIMIT 5"
)
PICTURE_PIXELS = 400  # so that the buttons below are on the first screen; the picture's own button makes it large

run = run_or_stop()
tables, listing = cache.tables(run), cache.listing(run)
pair_id = st.query_params.get(Key.PAIR.value)
found = tables.pairs_by_id([pair_id] if pair_id else [])
if found.empty:
    header("Pair", "One picture and its caption, close up.")
    empty("Choose a pair first", "Click a picture on the **Suspicious pairs** page.", ":material/ads_click:")
    st.page_link("views/suspicious.py", label="Suspicious pairs", icon=":material/image_search:",
                 query_params={Key.RUN.value: run.run_id})  # fmt: skip
    st.stop()

pair = found.iloc[0]
scores = tables.scores_by_id([pair_id])
score = None if scores.empty else scores.iloc[0]
decisions = cache.standing([pair_id])
standing = None if decisions.empty else decisions.iloc[0]
steps = steps_from(run, pair_id)

header("Pair", "Is this what the picture shows? And what does the pair do to the model?")
if steps:
    step_buttons(pair_id, steps)
left, right = st.columns([5, 6], gap="large")
with left:
    with st.container(border=True):
        st.text(pair["caption"])
    st.image(cache.picture(str(run.path), run.revision, pair_id), width=PICTURE_PIXELS, alt="The picture of this pair")
    decision_form(run, pair, standing, score, steps)
    size = f"{pair['width']} × {pair['height']} pixels" if pair["width"] else "given as features, without a picture"
    st.text(f"{pair['split']} pair · {size}\n{pair['image']}\n{pair_id}")
    if pair["width"] and not may_be_read(run, pair["images"]):
        st.caption(SMALL_ONLY)

with right:
    if score is None:
        st.info("This pair is held out: the model did not learn from it, so it has no influence.")
    else:
        why_suspected(run, score)
        suggested_captions(run, score)
    with st.container(border=True):
        st.markdown("**History**")
        decision_history(store().history(pair_id), pair["caption"])

if score is None:
    st.stop()

nearest_pairs(run, pair_id)

st.subheader("What it does to the model", anchor=False)
score_row(score, tables)
with st.container(border=True):
    st.markdown("**What it does to the validation loss**", help=wording.ROLES_IN_WORDS)
    st.plotly_chart(charts.role_bars(score["influence_positive"], score["influence_negative"]), config=charts.CONFIG)
    st.caption("Orange: without this pair the model would be less wrong. Teal: it helps.")

asked = tables.rows(MISTAKES, [pair_id])
if len(asked):
    st.subheader("Mistakes it is behind", anchor=False)
    st.markdown("Wrong predictions for which this pair is among the culprits, the clearest first.")
    shown = tables.pairs_by_id([*asked["pair_id"].dropna(), *asked["predicted_pair_id"].dropna()], ["thumbnail"])
    opened = prediction_list(prediction_cards(asked, shown, run.run_id), key="pair_mistakes")
    if opened:
        go("trace_back", query=opened)

disturbed_pairs(run, pair_id)

alike = tables.rows(ALIKE, [score["duplicate_group"], pair_id])["pair_id"].tolist()
if alike:
    st.subheader("The same or nearly the same picture", anchor=False)
    opened = gallery(pair_tiles(listing.some(alike), run.run_id, cache.standing(alike)), key="pair_duplicates")
    if opened:
        go("pair", pair=opened)
