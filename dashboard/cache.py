"""What is kept between reruns: opened runs, their tables, the store. Keys are names and revisions, never tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

from dashboard.originals import check_place
from dashboard.places import decisions_place
from dashboard.predictions import confusions as count_confusions
from dashboard.run_tables import RunTables
from dashboard.tables import bar_scale
from engine.errors import EcifError
from engine.learning import Advice, Pairs, advise, in_order_of_first_decision, pairs_of
from engine.pairs import open_picture
from engine.pairs.packs import thumbnail_bytes
from engine.review import DecisionStore
from engine.review.blind import BlindStore
from engine.review.queues import QueueStore
from engine.runs import RunFolder

PAIR_COLUMNS = ["pair_id", "pair_index", "image", "images", "caption", "label", "split", "width", "height", "thumbnail"]
PICTURE_PIXELS = 720


def tables(run: RunFolder) -> RunTables:
    """The tables of a run, asked by SQL; opened once per revision and shared by all sessions."""
    return _tables(str(run.path), run.revision)


def table(run: RunFolder, name: str) -> pd.DataFrame:
    """A table of a run, shared by all sessions: never change it in place."""
    return _table(str(run.path), run.revision, name)


def pairs(run: RunFolder) -> pd.DataFrame:
    """The pairs of a run, indexed by pair_id. Never change it in place."""
    return _pairs(str(run.path), run.revision)


def train_scores(run: RunFolder) -> pd.DataFrame:
    """Scores and pairs of the training split side by side, most suspicious first, indexed by pair_id."""
    return _train_scores(str(run.path), run.revision)


def signals(run: RunFolder) -> pd.DataFrame | None:
    """The cross-fitted signals of the training pairs, indexed by pair_id; None where a run has none.

    Runs of earlier versions and of too few pairs have none. Never change it in place.
    """
    return _signals(str(run.path), run.revision)


def advice(run: RunFolder, store: DecisionStore) -> Advice:
    """What the decisions so far teach about a run that has signals; computed once per run and revision of the store."""
    return _advice(str(run.path), run.revision, decisions_place(), store.revision())


def pairs_to_learn(run: RunFolder) -> Pairs:
    """The pairs of a run that has signals, made comparable for learning."""
    return _pairs_to_learn(str(run.path), run.revision)


def suggestions(run: RunFolder) -> pd.DataFrame | None:
    """Suggested captions of a run by pair, the best first, indexed by pair_id; None if it has no such table."""
    return _suggestions(str(run.path), run.revision)


def confusions(run: RunFolder) -> dict[str, Any]:
    """Which classes a run's model takes for which; see `dashboard.predictions.confusions`."""
    return _confusions(str(run.path), run.revision)


def score_scale(run: RunFolder) -> float:
    """The influence [nats] that fills half a bar on pages about the validation loss."""
    return _score_scale(str(run.path), run.revision)


def decisions(store: DecisionStore) -> pd.DataFrame:
    """The standing decision of every decided pair, indexed by pair_id."""
    return _decisions(decisions_place(), store.revision())


@st.cache_resource
def _store(place: str) -> DecisionStore:
    return DecisionStore.open(place)


def decision_store() -> DecisionStore:
    """The store the dashboard was started with; opened once."""
    return _store(decisions_place())


@st.cache_resource
def _blind_store(place: str) -> BlindStore:
    return BlindStore.open(place)


def blind_store() -> BlindStore:
    """The store of blind checks, in the database of the decisions; opened once."""
    return _blind_store(decisions_place())


@st.cache_resource
def _queue_store(place: str) -> QueueStore:
    return QueueStore.open(place)


def queue_store() -> QueueStore:
    """The store of queues, in the database of the decisions; opened once."""
    return _queue_store(decisions_place())


@st.cache_resource(max_entries=4, show_spinner=False)
def _tables(path: str, revision: str) -> RunTables:
    return RunTables.open(RunFolder(Path(path)))


@st.cache_resource(max_entries=32)
def _table(path: str, revision: str, name: str) -> pd.DataFrame:
    return RunFolder(Path(path)).table(name)


@st.cache_resource(max_entries=8)
def _pairs(path: str, revision: str) -> pd.DataFrame:
    found = RunFolder(Path(path)).table("pairs", columns=PAIR_COLUMNS)
    return found.set_index("pair_id", drop=False)


@st.cache_resource(max_entries=8)
def _train_scores(path: str, revision: str) -> pd.DataFrame:
    scores = _table(path, revision, "scores").set_index("pair_id")
    joined = _pairs(path, revision).join(scores, how="inner")
    found = _signals(path, revision)
    if found is not None:
        joined = joined.join(found[["p_wrong", "reason"]])
    return joined.sort_values("suspicion_rank")


@st.cache_resource(max_entries=8)
def _signals(path: str, revision: str) -> pd.DataFrame | None:
    run = RunFolder(Path(path))
    if not run.has_table("signals") or not run.record.get("detection", {}).get("is_cross_fitted"):
        return None
    return _table(path, revision, "signals").set_index("pair_id")


@st.cache_resource(max_entries=8)
def _suggestions(path: str, revision: str) -> pd.DataFrame | None:
    if not RunFolder(Path(path)).has_table("suggestions"):
        return None
    return _table(path, revision, "suggestions").sort_values(["pair_id", "rank"]).set_index("pair_id")


@st.cache_resource(max_entries=8)
def _pairs_to_learn(path: str, revision: str) -> Pairs:
    return pairs_of(_signals(path, revision).join(_pairs(path, revision)["label"]))


@st.cache_resource(max_entries=4, show_spinner="Learning from the decisions …")
def _advice(path: str, revision: str, place: str, store_revision: int) -> Advice:
    store = _store(place)
    return advise(_pairs_to_learn(path, revision), in_order_of_first_decision(store.current(), store.history()))


@st.cache_resource(max_entries=8)
def _confusions(path: str, revision: str) -> dict[str, Any]:
    queries = _table(path, revision, "queries")
    return count_confusions(queries[queries["kind"] == "classification"])


@st.cache_data(max_entries=8)
def _score_scale(path: str, revision: str) -> float:
    return bar_scale(_train_scores(path, revision))


@st.cache_resource(max_entries=4)
def _decisions(place: str, revision: int) -> pd.DataFrame:
    return _store(place).current().set_index("pair_id", drop=False)


@st.cache_data(max_entries=64, show_spinner=False)
def picture(path: str, revision: str, pair_id: str) -> bytes:
    """The picture of a pair for the Pair page, as WebP; its thumbnail where the original is not at hand."""
    run = RunFolder(Path(path))
    row = _pairs(path, revision).loc[pair_id]
    try:
        check_place(run, row["images"])
        image = open_picture(row["images"], row["image"])
    except EcifError:
        return thumbnail_bytes(run.path / "thumbnails", str(row["thumbnail"])) or _no_picture()
    image.thumbnail((PICTURE_PIXELS, PICTURE_PIXELS))
    return _webp(image)


def _no_picture() -> bytes:
    image = Image.new("RGB", (320, 240), "#dddddd")
    ImageDraw.Draw(image).text((160, 120), "Picture not available", fill="#555555", anchor="mm")
    return _webp(image)


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=88)
    return buffer.getvalue()
