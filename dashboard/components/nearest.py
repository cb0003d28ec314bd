"""The pairs most like one pair: by picture with their captions, and by caption with their pictures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.components.boxes import empty
from dashboard.components.gallery import gallery
from dashboard.state import go
from dashboard.tables import pair_tiles
from engine.runs import RunFolder

SHOWN = 5
"""of each kind: one row on a common screen"""
TITLES = {
    "image": (
        "Pictures like this one",
        "Do their captions agree with each other, and not with this one? Then this caption is the odd one.",
    ),
    "caption": (
        "Captions like this one",
        "Do their pictures show something else than this one? Then this caption may belong elsewhere.",
    ),
}


def nearest_pairs(run: RunFolder, pair_id: str) -> None:
    """The nearest training pairs of a training pair; a click opens one.

    Args:
        run: a finished run; one of an earlier version lacks the table and says so.
        pair_id: a training pair.
    """
    if not run.has_table("neighbours"):
        st.subheader("Pairs like this one", anchor=False)
        empty(
            "Not computed for this run",
            "An earlier version made this run, or it is still being computed. Run it again under another `--name` to "
            "see similar pairs.",
            ":material/update:",
        )
        return
    found = cache.tables(run).rows("SELECT * FROM neighbours WHERE pair_id = ?", [pair_id])
    others = cache.listing(run).some(found["other_pair_id"])
    decisions = cache.standing(others.index)
    for kind, (title, meaning) in TITLES.items():
        rows = nearest_rows(found, others, kind)
        if rows.empty:
            continue
        st.subheader(title, anchor=False, help="By the cosine of the model's features, among the training pairs.")
        st.markdown(meaning)
        tiles = pair_tiles(rows, run.run_id, decisions)
        for tile, similarity in zip(tiles, rows["similarity"], strict=True):
            tile["badges"] = [f"alike {similarity:.2f}"]
        if opened := gallery(tiles, key=f"pair_nearest_{kind}"):
            go("pair", pair=opened)


def nearest_rows(neighbours: pd.DataFrame, scores: pd.DataFrame, kind: str, number: int = SHOWN) -> pd.DataFrame:
    """The nearest pairs of one kind, the nearest first, with what a tile shows; indexed by pair_id.

    Args:
        neighbours: of one pair: kind, other_pair_id, similarity, rank.
        scores: scores and pairs of the training split, indexed by pair_id.
        kind: image or caption.
        number: how many at most.
    """
    own = neighbours[neighbours["kind"] == kind].nsmallest(number, "rank").set_index("other_pair_id")["similarity"]
    return own.to_frame().join(scores[["pair_id", "caption", "label", "thumbnail"]], how="inner")
