"""What was decided about a pair, by whom and when, the latest first."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.components.difference import caption_change
from dashboard.tables import for_reading
from dashboard.wording import VERDICT_ICONS, VERDICT_WORDS

MOST_SHOWN = 12
COLORS = {"keep": "green", "drop": "orange", "relabel": "blue", "unsure": "gray"}


def decision_history(history: pd.DataFrame, caption: str) -> None:
    """Every decision and undo of one pair.

    Args:
        history: of the store, oldest first.
        caption: the pair's own, which relabelling changes.
    """
    if history.empty:
        st.markdown("Nobody has decided this pair yet.")
        return
    for number, row in enumerate(for_reading(history).head(MOST_SHOWN).to_dict("records")):
        with st.container(horizontal=True, vertical_alignment="center"):
            if row["verdict"] in VERDICT_WORDS:
                verdict = row["verdict"]
                st.badge(VERDICT_WORDS[verdict], icon=VERDICT_ICONS[verdict], color=COLORS[verdict])
            else:
                st.badge("Taken back", icon=":material/undo:", color="gray")
            spent = f" · {row['seconds_spent']:.0f} s" if row.get("seconds_spent") else ""
            st.text(f"{row['decided_at']} UTC · {row['annotator']}{spent}")
        if row["new_caption"]:
            caption_change(caption, row["new_caption"], key=f"history_{row['pair_id']}_{len(history) - number}")
    if len(history) > MOST_SHOWN:
        st.caption(f"and {len(history) - MOST_SHOWN:,} earlier ones")
