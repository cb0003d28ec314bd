"""Two rankings matched by pair: kept between reruns, because a slider only moves where flags end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.comparison import Ranked, rank_both, rankings_of, suspects, suspects_elsewhere
from engine.runs import RunFolder


def ranked_both(run: RunFolder, other: RunFolder, by: str, other_by: str) -> Ranked:
    """A ranking of a run and one of another, or of the same, by place in the first run."""
    return _ranked_both(str(run.path), run.revision, str(other.path), other.revision, by, other_by)


@st.cache_data(max_entries=64, show_spinner=False)
def rankings(path: str, revision: str) -> list[str]:
    """The rankings that a run has values for."""
    return rankings_of(cache.tables(RunFolder(Path(path))))


def named(run: RunFolder, ranks: pd.DataFrame) -> pd.DataFrame:
    """Rows of a comparison by pair_id instead of place, in their order."""
    sql = "SELECT place, pair_id FROM ranked WHERE place IN (SELECT unnest(?::BIGINT[]))"
    names = cache.tables(run).rows(sql, [ranks.index.tolist()]).set_index("place")["pair_id"]
    return ranks.set_axis(names.loc[ranks.index].to_numpy(), axis=0)


@st.cache_resource(max_entries=4, show_spinner="Matching the two …")
def _ranked_both(path: str, revision: str, other_path: str, other_revision: str, by: str, other_by: str) -> Ranked:
    tables, other = (cache.tables(RunFolder(Path(one))) for one in (path, other_path))
    a = suspects(tables, by)
    if path == other_path:
        return rank_both(a, suspects(tables, other_by))
    return rank_both(a, *suspects_elsewhere(tables, other, other_by))
