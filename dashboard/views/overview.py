"""Overview: how healthy this data set is, and what to do next."""

import streamlit as st

from dashboard import cache, wording
from dashboard.components.boxes import header, run_or_stop
from dashboard.components.gallery import gallery
from dashboard.components.reading import reading
from dashboard.components.score_spread import score_spread
from dashboard.components.wrong_share import wrong_share_panel
from dashboard.findings import copies_of, good_to_know, wrong_share
from dashboard.state import Key, go, store
from dashboard.tables import mistakes_in_words, pair_tiles
from engine.runs import is_wrong

NUM_WORST = 5

run = run_or_stop()
record = run.record
tables, queries, rejects = cache.tables(run), cache.table(run, "queries"), cache.table(run, "rejects")
decided = cache.decisions(store())
decided_here = decided.loc[tables.scores_by_id(decided.index, []).index]
counts, metrics = record["counts"], record["metrics"]

header("How healthy is this data set?", wording.TAGLINE)

wrong = queries[is_wrong(queries)]
num_wrong = int((wrong["kind"] == "classification").sum())
reading(run, wrong, decided_here)
with st.container(horizontal=True):
    st.metric("Training pairs", f"{counts['train']:,}", border=True, help="Each one gets a score.")
    if metrics["zero_shot_accuracy"] is not None:
        st.metric(
            "Test pictures named right",
            f"{metrics['zero_shot_accuracy']:.0%}",
            border=True,
            help="Zero-shot accuracy: the model picks the class whose prompts fit the picture best.",
        )
    st.metric(
        "Captions found by picture",
        f"{metrics['retrieval_recall_at_1']:.0%}",
        border=True,
        help="Recall at 1 within batches of test pairs.",
    )
    st.metric("Rows left out", f"{counts['rejects']:,}", border=True, help="Unreadable pictures, empty captions, …")
    st.metric("Decided", f"{len(decided_here):,}", border=True, help="Training pairs with a standing decision.")

wrong_share_panel(run, decided_here)

st.subheader("What to do next", anchor=False)
query = {Key.RUN.value: run.run_id}
steps = [
    (
        "1. Look through suspicious pairs",
        "Those most like wrong pairs come first. Keep, drop or relabel with one key.",
        ("views/suspicious.py", "Suspicious pairs", ":material/image_search:"),
    ),
    (
        "2. Ask why a prediction is wrong",
        mistakes_in_words(num_wrong, len(wrong)),
        ("views/predictions.py", "Predictions", ":material/psychology_alt:"),
    ),
    (
        "3. Take the decisions with you",
        "Export what to drop and what to relabel as a table, and train again without the mistakes.",
        ("views/decisions.py", "Decisions & export", ":material/fact_check:"),
    ),
]
for column, (title, text, (page, label, icon)) in zip(st.columns(3), steps, strict=True):
    with column.container(border=True, height="stretch"):
        st.markdown(f"**{title}**")
        st.markdown(text)
        st.page_link(page, label=label, icon=icon, query_params=query)

st.subheader("The most suspicious pairs", anchor=False)
worst = tables.rows("SELECT * FROM ranked ORDER BY place LIMIT ?", [NUM_WORST]).set_index("pair_id", drop=False)
opened = gallery(
    pair_tiles(worst.assign(rank=worst["suspicion_rank"]), run.run_id, decided),
    key="overview_worst", bar_scale=cache.score_scale(run),
)  # fmt: skip
if opened:
    go("pair", pair=opened)

left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.markdown("**Rows that were left out**")
    if rejects.empty:
        st.markdown("None: every row could be read.")
    else:
        st.text("\n".join(f"{number} × {reason}" for reason, number in rejects["reason"].value_counts().items()))
        with st.expander("Which rows"):
            st.dataframe(rejects[["row", "image", "caption", "reason"]], hide_index=True)
with right.container(border=True, height="stretch"):
    st.markdown("**Good to know**")
    st.text("\n".join(f"• {one}" for one in good_to_know(record, *copies_of(tables))))

with st.expander("How the scores are spread", icon=":material/bar_chart:"):
    score_spread(run)
with st.expander("How to read the scores", icon=":material/menu_book:"):
    for text in (
        wording.INFLUENCE_IN_WORDS,
        wording.ROLES_IN_WORDS,
        wording.suspicion_in_words(wrong_share(record) is not None),
        wording.RELATIVE_IN_WORDS,
    ):
        st.markdown(text)
