"""A list of training pairs as pages of tiles that can be decided; the number of the page is in the URL."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import cache
from dashboard.components.gallery import Turns
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import store
from dashboard.tables import pair_tiles
from dashboard.thumbnails import thumbnail_url
from engine.runs import RunFolder

PAGE_SIZE = 60


def pair_list(run: RunFolder, pair_ids: Sequence[str], *, key: str, ranks: Sequence[float] | None = None) -> None:
    """One page of tiles with a line about it above and the pages below.

    Args:
        run: whose scores are on screen.
        pair_ids: training pairs in their order; not empty.
        key: names the gallery (`KEY_gallery`); a screen has one such list, whose page is `page` in the URL.
        ranks: number on each tile; the rank of suspicion without it.
    """
    place = st.container()
    num_pages = -(-len(pair_ids) // PAGE_SIZE)
    page = st.pagination(num_pages, key="page", bind="query-params") if num_pages > 1 else 1
    here = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    shown, decisions = cache.train_scores(run).loc[list(pair_ids[here])], cache.decisions(store())
    shown = shown.assign(rank=shown["suspicion_rank"] if ranks is None else list(ranks[here]))
    done = int(shown.index.isin(decisions.index).sum())
    with place:
        st.markdown(
            f"**{len(pair_ids):,} pairs** · page {page} of {num_pages} · {done} of {len(shown)} decided on this page"
        )
        deciding_gallery(
            pair_tiles(shown, run.run_id, decisions),
            run,
            shown["suspicion"].to_dict(),
            key=f"{key}_gallery",
            bar_scale=cache.score_scale(run),
            turns=_turns(run, pair_ids, page, num_pages),
        )


def _turns(run: RunFolder, pair_ids: Sequence[str], page: int, num_pages: int) -> Turns:
    """What turns the page by key; the thumbnails of the next one are fetched ahead."""

    def turn(wanted: int) -> None:
        st.session_state["page"] = wanted

    after = list(pair_ids[page * PAGE_SIZE : (page + 1) * PAGE_SIZE])
    thumbnails = cache.pairs(run).loc[after, "thumbnail"]
    return Turns(page, num_pages, turn, [thumbnail_url(run.run_id, name) for name in thumbnails])
