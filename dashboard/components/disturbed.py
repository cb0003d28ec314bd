"""Whom a pair disturbs: the other pairs that it was a wrong answer for, and what came of it."""

from __future__ import annotations

import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.gallery import gallery
from dashboard.state import go
from dashboard.tables import bar_scale, disturbed_rows, pair_tiles
from dashboard.wording import DISTURBS_IN_WORDS
from engine.runs import RunFolder


def disturbed_pairs(run: RunFolder, pair_id: str) -> None:
    """The pairs that `pair_id` disturbs most as a negative; a click opens one.

    Args:
        run: a finished run; one of an earlier version lacks the table and says so.
        pair_id: a training pair.
    """
    st.subheader("Whom it disturbs", anchor=False)
    if not run.has_table("disturbs"):
        empty(
            "Not computed for this run",
            "An earlier version made this run. Run it again under another `--name` to see whom each pair disturbs.",
            ":material/update:",
        )
        return
    disturbs = cache.tables(run).rows("SELECT * FROM disturbs WHERE pair_id = ?", [pair_id])
    rows = disturbed_rows(disturbs, cache.listing(run).some(disturbs["other_pair_id"]), pair_id)
    if rows.empty:
        empty(
            "Nobody", "This pair stands in no batch beside others, so it was never a wrong answer.", ":material/person:"
        )
        return
    st.markdown(DISTURBS_IN_WORDS)
    tiles = pair_tiles(rows, run.run_id, cache.standing(rows.index))
    if opened := gallery(tiles, key="pair_disturbs", bar_scale=bar_scale(rows)):
        go("pair", pair=opened)
