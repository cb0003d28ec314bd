"""Compare: what one run, or one score, flags and another does not."""

import streamlit as st

from dashboard.charts import CONFIG
from dashboard.comparison import RANKINGS, REGIONS, agreement_in_words, flagged, thinned
from dashboard.components import address
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.pair_list import PAGE, pair_list
from dashboard.components.ranked_both import named, ranked_both, rankings
from dashboard.components.run_differences import run_differences
from dashboard.places import runs_dir
from dashboard.rank_chart import rank_scatter
from dashboard.state import runs_with_results
from engine.runs import RunFolder

PROBABILITY = "p_wrong"
FLAGS = {"top": "The most suspect of each", "probability": "Probably wrong"}
PARTS = {"a": "Flagged by A only", "both": "Flagged by both", "b": "Flagged by B only"}

run = run_or_stop()
header("Compare", "What does one run or one score flag that another does not? **A** is the run in the sidebar.")

names = runs_with_results()
others = [run.run_id, *(name for name in names if name != run.run_id)]
with st.container(horizontal=True, vertical_alignment="bottom"):
    name_b = st.selectbox(
        "B", others, key="other", bind="query-params", width=260, index=min(1, len(others) - 1),
    )  # fmt: skip
    other = RunFolder.open(runs_dir() / name_b)
    is_same = other.run_id == run.run_id
    by_a = st.selectbox(
        "A ranks by", rankings(str(run.path), run.revision), key="by", bind="query-params", width=230,
        format_func=lambda name: RANKINGS[name][0],
    )  # fmt: skip
    found_b = rankings(str(other.path), other.revision)
    fallback = found_b.index("influence") if is_same and "influence" in found_b else 0
    by_b = st.selectbox(
        "B ranks by", found_b, key="other_by", bind="query-params", width=230, index=fallback,
        format_func=lambda name: RANKINGS[name][0],
    )  # fmt: skip
if is_same and by_a == by_b:
    empty(
        "A and B are the same",
        "Choose another run for **B**, or another score for one of them."
        + (" There is only one finished run yet." if len(others) == 1 else ""),
        ":material/difference:",
    )
    st.stop()

both = ranked_both(run, other, by_a, by_b)
num_shared = len(both.values)
if not num_shared:
    empty(
        "No pair is in both", "The two runs were made on different data: nothing can be matched.", ":material/link_off:"
    )
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    flag = "top"
    if by_a == by_b == PROBABILITY:
        flag = st.segmented_control("Flagged are", list(FLAGS), format_func=FLAGS.get, default="top", required=True,
                                    key="flag", bind="query-params")  # fmt: skip
    if flag == "top":
        most = max(2, num_shared // 2)
        top = st.slider("Flag this many of the most suspect pairs of each", 1, most, min(100, most),
                        key="top", bind="query-params", width=420)  # fmt: skip
        found = flagged(both, top=top)
    else:
        top, share = None, st.slider("Flag pairs at least this likely wrong", 0.05, 0.99, 0.5, 0.01,
                                     key="likely", bind="query-params", width=420)  # fmt: skip
        found = flagged(both, threshold=share)

counts = found.counts()
left, right = st.columns([5, 6])
with left.container(border=True, height="stretch"):
    st.markdown(agreement_in_words(found))
    for part, words in PARTS.items():
        st.markdown(f"**{counts[part]:,}** · {words}")
    st.markdown(f"**{counts['neither']:,}** · {REGIONS['neither']}")
    if found.only_in_a or found.only_in_b:
        st.caption(
            f"Not compared, because the other has no value for them: {found.only_in_a:,} pairs of A, "
            f"{found.only_in_b:,} of B."
        )
with right.container(border=True, height="stretch"):
    st.plotly_chart(rank_scatter(thinned(found.ranks), top), config=CONFIG)

part = st.segmented_control(
    "Pairs", list(PARTS), default="a", required=True, key="part", bind="query-params", format_func=PARTS.get,
    label_visibility="collapsed", on_change=address.put, args=(None, PAGE, None),
)  # fmt: skip
listed = named(run, found.pairs(part))
if len(listed):
    ranks = listed["rank_b" if part == "b" else "rank_a"]
    pair_list(run, listed.index.tolist(), key="compare", ranks=ranks)
else:
    empty("None", "No pair is in this part. Move the slider, or look at another part.", ":material/check_circle:")

if not is_same:
    run_differences(run, other)
