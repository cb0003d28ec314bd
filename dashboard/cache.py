"""What is kept between reruns: opened runs, their tables, the store. Keys are names and revisions, never tables."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

from dashboard.listing import Listing
from dashboard.originals import check_place
from dashboard.places import decisions_place
from dashboard.predictions import confusions as count_confusions
from dashboard.run_tables import RunTables
from dashboard.tables import bar_scale_of, learnable
from engine.errors import EcifError
from engine.learning import Advice, Pairs, advise, in_order_of_first_decision, pairs_of
from engine.pairs import open_picture
from engine.pairs.packs import thumbnail_bytes
from engine.review import DecisionStore
from engine.review.blind import BlindStore
from engine.review.queues import QueueStore
from engine.runs import RunFolder

PICTURE_PIXELS = 720
LEARN_AMONG = 50_000
"""pairs: of so many advice comes within a second"""


def tables(run: RunFolder) -> RunTables:
    """The tables of a run, asked by SQL; opened once per revision and shared by all sessions."""
    return _tables(str(run.path), run.revision)


def listing(run: RunFolder) -> Listing:
    """The training pairs of a run, to be narrowed and sorted; made once per revision of the run."""
    return _listing(str(run.path), run.revision)


def standing(pair_ids: Iterable[str]) -> pd.DataFrame:
    """The standing decisions on some pairs, indexed by pair_id, which is a column as well."""
    return decision_store().current(list(pair_ids)).set_index("pair_id", drop=False)


def table(run: RunFolder, name: str) -> pd.DataFrame:
    """A table of a run, shared by all sessions: never change it in place."""
    return _table(str(run.path), run.revision, name)


def advice(run: RunFolder, store: DecisionStore) -> Advice:
    """What the decisions so far teach about a run that has signals; computed once per run and revision of the store.

    It learns from and about the `LEARN_AMONG` most suspicious pairs.
    """
    return _advice(str(run.path), run.revision, decisions_place(), store.revision())


def pairs_for_cards(run: RunFolder) -> Pairs:
    """Pairs of a run that has signals, drawn evenly from all, of which a blind check makes its cards."""
    return _comparable(str(run.path), run.revision, "hash(pair_id)")


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


@st.cache_resource(max_entries=4, show_spinner=False)
def _listing(path: str, revision: str) -> Listing:
    return Listing(_tables(path, revision))


@st.cache_resource(max_entries=32)
def _table(path: str, revision: str, name: str) -> pd.DataFrame:
    return RunFolder(Path(path)).table(name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _comparable(path: str, revision: str, first: str) -> Pairs:
    """The first `LEARN_AMONG` pairs in some order, made comparable."""
    return pairs_of(learnable(_tables(path, revision), first, LEARN_AMONG))


@st.cache_resource(max_entries=4, show_spinner="Learning from the decisions …")
def _advice(path: str, revision: str, place: str, store_revision: int) -> Advice:
    store = _store(place)
    return advise(_comparable(path, revision, "place"), in_order_of_first_decision(store.current(), store.history()))


@st.cache_resource(max_entries=8)
def _confusions(path: str, revision: str) -> dict[str, Any]:
    queries = _table(path, revision, "queries")
    return count_confusions(queries[queries["kind"] == "classification"])


@st.cache_data(max_entries=8)
def _score_scale(path: str, revision: str) -> float:
    return bar_scale_of(_tables(path, revision))


@st.cache_resource(max_entries=4)
def _decisions(place: str, revision: int) -> pd.DataFrame:
    return _store(place).current().set_index("pair_id", drop=False)


@st.cache_data(max_entries=64, show_spinner=False)
def picture(path: str, revision: str, pair_id: str) -> bytes:
    """The picture of a pair for the Pair page, as WebP; its thumbnail where the original is not at hand."""
    run = RunFolder(Path(path))
    row = _tables(path, revision).pairs_by_id([pair_id], ["images", "image", "thumbnail"]).iloc[0]
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
