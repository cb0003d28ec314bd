"""A list of training pairs as pages of tiles that can be decided, singly or many at once; the page is in the URL."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import cache
from dashboard.components import address
from dashboard.components.bulk import bulk_bar, bulk_outcome
from dashboard.components.gallery import Turns, selected_pairs
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import store
from dashboard.tables import pair_tiles
from dashboard.thumbnails import thumbnail_url
from engine.runs import RunFolder

PAGE_SIZE, PAGE = 60, "page"


def pair_list(run: RunFolder, pair_ids: Sequence[str], *, key: str, ranks: Sequence[float] | None = None) -> None:
    """One page of tiles with a line about it above and the pages below.

    Args:
        run: whose scores are on screen.
        pair_ids: training pairs in their order; not empty.
        key: names the gallery (`KEY_gallery`); a screen has one such list, whose page is `page` in the URL.
        ranks: number on each tile; the rank of suspicion without it.
    """
    num_pages = -(-len(pair_ids) // PAGE_SIZE)
    page = address.give_page(PAGE, num_pages)
    here = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    on_page, gallery_key = tuple(pair_ids[here]), f"{key}_gallery"
    shown, decisions = cache.train_scores(run).loc[list(on_page)], cache.decisions(store())
    shown = shown.assign(rank=shown["suspicion_rank"] if ranks is None else list(ranks[here]))
    done = int(shown.index.isin(decisions.index).sum())
    selected = tuple(pair_id for pair_id in selected_pairs(gallery_key) if pair_id in on_page)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"**{len(pair_ids):,} pairs** · page {page} of {num_pages} · {done} of {len(shown)} decided on this page",
            width="content",
        )
        bulk_bar(run, {"selected": selected, "page": on_page, "all": tuple(pair_ids)})
    with st.container():  # always there, so that the gallery keeps its place
        bulk_outcome(run)
    deciding_gallery(
        pair_tiles(shown, run.run_id, decisions),
        run,
        shown["suspicion"].to_dict(),
        key=gallery_key,
        bar_scale=cache.score_scale(run),
        turns=_turns(run, pair_ids, page, num_pages),
        listed=pair_ids,
    )
    if num_pages > 1:
        st.pagination(num_pages, key=PAGE, on_change=address.write, args=(PAGE, 1))


def _turns(run: RunFolder, pair_ids: Sequence[str], page: int, num_pages: int) -> Turns:
    """What turns the page by key; the thumbnails of the next one are fetched ahead."""
    after = list(pair_ids[page * PAGE_SIZE : (page + 1) * PAGE_SIZE])
    thumbnails = cache.pairs(run).loc[after, "thumbnail"]
    next_thumbnails = [thumbnail_url(run.run_id, name) for name in thumbnails]
    return Turns(page, num_pages, lambda asked: address.put(asked, PAGE, 1), next_thumbnails)
