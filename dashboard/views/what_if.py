"""What-if: the model without a set of pairs, predicted in seconds and checked by training again."""

import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty, header, run_or_stop
from dashboard.components.left_out import chosen_set
from dashboard.components.what_if import what_if_panel
from dashboard.places import is_local
from dashboard.thumbnails import thumbnail_url

SHOWN = 200

run = run_or_stop()
header("What if these pairs were gone?", "The model without a set of training pairs: **predicted, then checked.**")

if not is_local():
    empty(
        "Not from here",
        "This dashboard is open to other machines, and a what-if computes. Open it on the machine it runs on, or type "
        "`ecif whatif RUN --drop LIST` there.",
        ":material/lock:",
    )
    st.stop()

pair_ids = chosen_set(run)
if not pair_ids:
    st.stop()
with st.expander(f"The {len(pair_ids):,} pairs that are left out", icon=":material/list:"):
    rows = cache.tables(run).scores_by_id(pair_ids[:SHOWN])
    table = rows[["caption", "suspicion_rank", "influence"]].assign(
        picture=[thumbnail_url(run.run_id, name) for name in rows["thumbnail"]]
    )
    st.dataframe(
        table[["picture", "caption", "suspicion_rank", "influence"]],
        row_height=56,
        column_config={"picture": st.column_config.ImageColumn("picture", width="small")},
        key=f"left_out_{hash(tuple(pair_ids))}",
    )
    if len(pair_ids) > SHOWN:
        st.caption(f"The first {SHOWN} are shown.")
what_if_panel(run, pair_ids)
