"""The picture that is asked about: uploaded, taken, or one of the run's test pictures (`example` in the URL)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from dashboard import cache
from dashboard.components.asking.strip import picture_strip
from dashboard.originals import check_place
from dashboard.thumbnails import thumbnail_url
from engine.asking import MAX_PICTURE_BYTES, Question
from engine.asking.question import MAX_PICTURE_PIXELS
from engine.errors import EcifError
from engine.pairs import RejectedImage, check_picture, picture_bytes
from engine.pairs.images import decode
from engine.runs import RunFolder, is_wrong

UPLOADED, UPLOADS, CAMERA = "ask_uploaded", "ask_uploads", "ask_camera"
EXAMPLE = "example"
LABEL, CAPTION = "ask_label", "ask_caption"
SUFFIXES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"]
PREVIEW_PIXELS = 480
MOST_EXAMPLES, WRONG_EXAMPLES, MOST_TRIED = 8, 5, 200
PLACE = ("images", "image", "thumbnail", "caption")


@dataclass(frozen=True)
class Chosen:
    """A picture that can be asked about."""

    data: bytes
    """the file as it came"""
    preview: bytes
    """small, upright, decoded and encoded again"""
    example: str | None = None
    """pair_id of a test picture"""


def chosen_picture(run: RunFolder) -> Chosen | None:
    """The picture on the page; None before there is one."""
    example = st.query_params.get(EXAMPLE)
    if example is not None:
        try:
            return _example(str(run.path), run.revision, example)
        except (EcifError, KeyError):
            del st.query_params[EXAMPLE]
    return st.session_state.get(UPLOADED)


def choose_picture(run: RunFolder) -> None:
    """Upload a picture, take one, or choose a test picture; the page is drawn again once there is one."""
    with st.container(border=True):
        if st.session_state.get(CAMERA):
            given = st.camera_input("Take a picture", label_visibility="collapsed")
        else:
            given = st.file_uploader(
                "Drop a picture here",
                SUFFIXES,
                key=f"ask_upload_{st.session_state.get(UPLOADS, 0)}",
                max_upload_size=MAX_PICTURE_BYTES // 2**20,
            )
        st.toggle("Use the camera", key=CAMERA)
        if given is not None:
            try:
                st.session_state[UPLOADED] = _chosen(given.getvalue())
                st.rerun()
            except RejectedImage as error:
                st.error(f"This picture cannot be used. {error.reason}", icon=":material/broken_image:")
    tiles = _examples(str(run.path), run.revision)
    if tiles:
        st.markdown("**Or try one of the test pictures**")
        picture_strip(tiles, key="ask_strip", on_choice=lambda pair_id: _choose_example(run, pair_id))


def forget_picture() -> None:
    """Begin again without a picture and without words."""
    st.session_state.pop(UPLOADED, None)
    st.query_params.pop(EXAMPLE, None)
    st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1  # a new key empties the uploader
    st.session_state[LABEL], st.session_state[CAPTION] = None, ""


def _choose_example(run: RunFolder, pair_id: str) -> None:
    """Take a test picture, with what its pair says of it."""
    st.query_params[EXAMPLE] = pair_id
    pair = _pair(run, pair_id)
    queries = cache.table(run, "queries")
    classified = queries[(queries["kind"] == "classification") & (queries["pair_id"] == pair_id)]
    is_named = len(classified) > 0
    st.session_state[LABEL] = str(classified["true_label"].iloc[0]) if is_named else None
    st.session_state[CAPTION] = "" if is_named else str(pair["caption"])


def _pair(run: RunFolder, pair_id: str) -> pd.Series:
    """Where a pair's picture is, and its caption.

    Raises:
        KeyError: if the run has no such pair.
    """
    return cache.tables(run).pairs_by_id([pair_id], PLACE).loc[pair_id]


def _chosen(data: bytes, example: str | None = None) -> Chosen:
    """A picture that decodes within the limits.

    Raises:
        RejectedImage: if it does not.
    """
    Question(data)
    image, _ = decode(data, MAX_PICTURE_PIXELS, enough_pixels=2 * PREVIEW_PIXELS)
    image.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS), Image.Resampling.BICUBIC)
    small = io.BytesIO()
    image.save(small, "WEBP", quality=85)
    return Chosen(data, small.getvalue(), example)


@st.cache_data(max_entries=MOST_EXAMPLES, show_spinner=False)
def _example(path: str, revision: str, pair_id: str) -> Chosen:
    """The picture of a held-out pair, read where the run's table says."""
    run = RunFolder(Path(path))
    pair = _pair(run, pair_id)
    check_place(run, pair["images"])
    return _chosen(picture_bytes(pair["images"], pair["image"]), pair_id)


@st.cache_data(max_entries=8, show_spinner=False)
def _examples(path: str, revision: str) -> list[dict[str, Any]]:
    """Mistakes first, then pictures named right; only those whose files are at hand."""
    run = RunFolder(Path(path))
    queries = cache.table(run, "queries")
    kind = "classification" if (queries["kind"] == "classification").any() else "retrieval"
    queries = queries[queries["kind"] == kind].sort_values("confidence", ascending=False)
    queries = queries.assign(is_wrong=is_wrong(queries)).drop_duplicates(["true_label", "is_wrong"])
    wrong, right = queries[queries["is_wrong"]].head(WRONG_EXAMPLES), queries[~queries["is_wrong"]]
    found, tried = [], pd.concat([wrong, right]).head(MOST_TRIED)
    pairs = cache.tables(run).pairs_by_id(tried["pair_id"], PLACE)
    for row in tried.itertuples():
        pair = pairs.loc[row.pair_id]
        try:
            check_place(run, pair["images"])
            check_picture(pair["images"], pair["image"])
        except RejectedImage:
            continue
        note = f"taken for {row.predicted_label}" if kind == "classification" and row.is_wrong else ""
        url = thumbnail_url(run.run_id, pair["thumbnail"])
        found.append({"pair_id": row.pair_id, "url": url, "title": str(row.true_label), "note": note})
        if len(found) == MOST_EXAMPLES:
            break
    return found
