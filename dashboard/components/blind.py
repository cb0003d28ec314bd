"""A blind check on request: cards whose answer is known, decided like any other pair, and how many were recognised."""

from __future__ import annotations

import secrets
from collections.abc import Collection

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.blind_cards import card_tiles, differing_tiles
from dashboard.components.boxes import empty
from dashboard.components.gallery import gallery
from dashboard.components.gallery_page import deciding_gallery
from dashboard.findings import wrong_share
from dashboard.state import annotator, go
from dashboard.wording import BLIND_IN_WORDS, NOT_CROSS_FITTED, RIGHT_ANYWAY_IN_WORDS
from engine.errors import EcifError
from engine.learning import blind_items, blind_result, new_secret
from engine.learning.blind_check import Rate
from engine.runs import RunFolder

BATCH = "blind_batch"
NUM_CARDS, LEAST_OF_A_KIND, MOST_DIFFERING = 20, 6, 30


def blind_check(run: RunFolder, decided: Collection[str]) -> None:
    """Ask for a check, answer its cards, see the result with its interval.

    Args:
        run: a finished run; one without cross-fitted signals says what it needs.
        decided: pairs with a standing decision; they make no cards.
    """
    st.subheader("Check yourself and the ranking", anchor=False)
    if not cache.listing(run).has_signals:
        empty("Not possible for this run", NOT_CROSS_FITTED, ":material/visibility_off:")
        return
    store, name = cache.blind_store(), annotator()
    items, answers = store.items(), store.answers()
    items = items[items["run_id"] == run.run_id]
    mine = answers[(answers["annotator"] == name) & answers["card"].isin(items["card"])]
    batch = _batch(run.run_id, name, items, mine)
    num_done = int(batch["card"].isin(mine["card"]).sum())
    if len(batch):
        st.markdown(f"**{num_done} of {len(batch)} answered.** Keep what is right, drop or relabel what is wrong.")
        tiles = card_tiles(batch, mine, _shown(run, batch), run.run_id)
        deciding_gallery(tiles, run, {}, key="blind_gallery", bar_scale=1, opens=False)
        if st.button("Show the result", type="primary", disabled=num_done < len(batch)):
            st.session_state[BATCH] = ((run.run_id, name), [])
            st.rerun()
        return
    if mine.empty:
        st.markdown(BLIND_IN_WORDS)
    else:
        _result(run, items, mine)
    if st.button(f"Start a check with {NUM_CARDS} cards", icon=":material/visibility_off:"):
        _start(run, decided, items)


def _batch(run_id: str, name: str, items: pd.DataFrame, mine: pd.DataFrame) -> pd.DataFrame:
    """The cards on screen: those not answered when they came first; they stay until the result is shown."""
    remembered = st.session_state.get(BATCH)
    whose = (run_id, name)
    if remembered is None or remembered[0] != whose:
        remembered = (whose, items.loc[~items["card"].isin(mine["card"]), "card"].tolist())
        st.session_state[BATCH] = remembered
    return items[items["card"].isin(remembered[1])]


def _shown(run: RunFolder, items: pd.DataFrame) -> pd.DataFrame:
    """The pairs that cards are made of."""
    return cache.tables(run).pairs_by_id([*items["image_of"], *items["caption_of"]], ["caption", "thumbnail"])


def _start(run: RunFolder, decided: Collection[str], items: pd.DataFrame) -> None:
    pairs = cache.pairs_for_cards(run)
    rows = cache.tables(run).scores_by_id(pairs.ids, ["caption", "thumbnail", "image"])
    shown = rows[["caption"]].assign(image=rows["thumbnail"].fillna(rows["image"]))  # a thumbnail names its content
    num_wrong = LEAST_OF_A_KIND + secrets.randbelow(NUM_CARDS - 2 * LEAST_OF_A_KIND + 1)  # or counting would tell
    try:
        cards = blind_items(
            pairs,
            shown,
            new_secret(),
            NUM_CARDS - num_wrong,
            num_wrong,
            decided={*decided, *items["image_of"], *items["caption_of"]},
            run_id=run.run_id,
            seed=secrets.randbelow(2**31),
        )
    except EcifError:
        st.warning("There are not enough undecided pairs that look right to make cards of.")
        return
    cache.blind_store().seed(cards)
    st.session_state.pop(BATCH, None)
    st.rerun()


def _result(run: RunFolder, items: pd.DataFrame, mine: pd.DataFrame) -> None:
    found = blind_result(items, mine)
    share = wrong_share(run.record)
    with st.container(horizontal=True):
        _rate("Wrong pairs you recognised", found.known_wrong)
        _rate("Right pairs you left alone", found.known_right)
        st.metric("Left unsure", found.unsure, border=True)
        if share is not None and "elsewhere" in share.found_again:
            st.metric(
                "Wrong pairs the ranking tells apart",
                f"{round(100 * share.found_again['elsewhere'])} of 100",
                "pairs made wrong the same way",
                delta_color="off",
                delta_arrow="off",
                border=True,
                help="Measured by the run itself. 50 would be guessing.",
            )
    tiles = differing_tiles(items, mine, _shown(run, items), run.run_id)[-MOST_DIFFERING:]
    if tiles:
        st.markdown(RIGHT_ANYWAY_IN_WORDS)
        if opened := gallery(tiles, key="blind_differing"):
            go("pair", pair=items.set_index("card").at[opened, "image_of"])


def _rate(label: str, rate: Rate) -> None:
    if rate.asked:
        interval = f"{rate.low:.0%}–{rate.high:.0%}, 90 % interval"
        st.metric(label, f"{rate.right} of {rate.asked}", interval, delta_color="off", delta_arrow="off", border=True)
