"""Cards of a blind check as tiles: nothing tells a known-wrong pair from a known-right one. No Streamlit here."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.tables import pair_tiles
from engine.learning.table import VERDICTS

RIGHT_WORDS, WRONG_WORDS = "looked right to the ranking", "caption taken from another pair"


def card_tiles(items: pd.DataFrame, answers: pd.DataFrame, pairs: pd.DataFrame, run_id: str) -> list[dict[str, Any]]:
    """Tiles with a picture, a caption and the person's answer, and nothing else.

    Args:
        items: of `BlindStore.items`, in the order to show.
        answers: one person's, of `BlindStore.answers`; the last one to a card counts.
        pairs: of the run, indexed by pair_id.
        run_id: for the thumbnails' address.
    """
    last = last_answers(answers).assign(new_caption=None)
    return pair_tiles(_rows(items, pairs), run_id, last)


def differing_tiles(
    items: pd.DataFrame, answers: pd.DataFrame, pairs: pd.DataFrame, run_id: str
) -> list[dict[str, Any]]:
    """The cards that a person answered unlike what is known of them, with what is known; arguments as above."""
    last = last_answers(answers)
    called = items["card"].map(last["verdict"]).map(VERDICTS)
    wrong_ones = items[called.notna() & (called.astype(bool) != items["is_wrong"].astype(bool))]
    known = [WRONG_WORDS if is_wrong else RIGHT_WORDS for is_wrong in wrong_ones["is_wrong"]]
    return pair_tiles(_rows(wrong_ones, pairs).assign(proposal=known), run_id, last.assign(new_caption=None))


def last_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """One person's last answer to each card, indexed by card."""
    return answers.drop_duplicates("card", keep="last").set_index("card", drop=False)


def _rows(items: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pair_id": items["card"].to_numpy(),
            "caption": pairs["caption"].reindex(items["caption_of"]).to_numpy(),
            "thumbnail": pairs["thumbnail"].reindex(items["image_of"]).to_numpy(),
        }
    )
