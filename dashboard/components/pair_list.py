"""A list of training pairs as pages of tiles that can be decided, singly or many at once; the page is in the URL."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.acts import Scope
from dashboard.components import address
from dashboard.components.bulk import bulk_bar, bulk_outcome
from dashboard.components.gallery import Turns, selected_pairs
from dashboard.components.gallery_page import deciding_gallery
from dashboard.listing import PAGE_SIZE, Listed, Page
from dashboard.tables import pair_tiles
from dashboard.thumbnails import thumbnail_url
from engine.runs import RunFolder

PAGE = "page"


def pair_list(run: RunFolder, pairs: Sequence[str] | Listed, *, key: str, ranks: Sequence[float] | None = None) -> None:
    """One page of tiles with a line about it above and the pages below.

    Args:
        run: whose scores are on screen.
        pairs: training pairs in their order, or a list of the run; not empty.
        key: names the gallery (`KEY_gallery`); a screen has one such list, whose page is `page` in the URL.
        ranks: number on each tile of given pairs; the rank of suspicion without it.
    """
    listing = cache.listing(run)
    count = listing.count(pairs) if isinstance(pairs, Listed) else len(pairs)
    num_pages = -(-count // PAGE_SIZE)
    number = address.give_page(PAGE, num_pages)
    page = listing.page(pairs, number) if isinstance(pairs, Listed) else _given(run, pairs, number, ranks)
    if isinstance(pairs, Listed):
        listing.read_ahead(pairs, number + 1)
    shown, gallery_key = page.rows, f"{key}_gallery"
    decisions = cache.standing(shown.index)
    selected = [pair_id for pair_id in selected_pairs(gallery_key) if pair_id in shown.index]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"**{count:,} pairs** · page {number:,} of {num_pages:,} · "
            f"{len(decisions)} of {len(shown)} decided on this page",
            width="content",
        )
        everything = Scope.listed(listing, pairs) if isinstance(pairs, Listed) else Scope.given(pairs)
        scopes = {"selected": Scope.given(selected), "page": Scope.given(list(shown.index)), "all": everything}
        bulk_bar(run, scopes)
    with st.container():  # always there, so that the gallery keeps its place
        bulk_outcome(run)
    next_thumbnails = [thumbnail_url(run.run_id, name) for name in page.next_thumbnails]
    deciding_gallery(
        pair_tiles(shown, run.run_id, decisions),
        run,
        shown["suspicion"].to_dict(),
        key=gallery_key,
        bar_scale=cache.score_scale(run),
        turns=Turns(number, num_pages, lambda asked: address.put(asked, PAGE, 1), next_thumbnails),
        listed=pairs,
    )
    if num_pages > 1:
        st.pagination(num_pages, key=PAGE, on_change=address.write, args=(PAGE, 1))


def _given(run: RunFolder, pair_ids: Sequence[str], number: int, ranks: Sequence[float] | None) -> Page:
    """A page of pairs that are given one by one."""
    here = slice((number - 1) * PAGE_SIZE, number * PAGE_SIZE)
    after = slice(number * PAGE_SIZE, (number + 1) * PAGE_SIZE)
    rows = cache.listing(run).some(pair_ids[here])
    rank = rows["suspicion_rank"] if ranks is None else pd.Series(list(ranks[here]), list(pair_ids[here]))
    ahead = cache.tables(run).pairs_by_id(pair_ids[after], ["thumbnail"])["thumbnail"]
    return Page(rows.assign(rank=rank), tuple(name for name in ahead if isinstance(name, str)))
