"""Step 1: a table of pairs, read at once to see what is in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.wizard.asking import answer_of, forget
from dashboard.components.wizard.options import fill_in, remember, remembered
from engine.config import help_of
from engine.errors import EcifError
from engine.pairs import open_picture
from engine.sample import demo_config

CHECK = "wizard_check"
LIMIT_SECONDS = 1800.0
PREVIEW_PIXELS = 240
NUM_PREVIEWS = 5


def data_step() -> tuple[str, dict[str, Any]] | None:
    """Ask for the table; its path and what `ecif check` found in it, or None as long as it cannot be used."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pairs = st.text_input(
            "Table of pairs", key=remembered("pairs", ""), placeholder="/data/pairs.csv", width="stretch",
            help=f"{help_of('pairs')}. A split column (train, validation, test) is used if there is one.",
        ).strip()  # fmt: skip
        remember("pairs", pairs)
        st.button("Use the sample data", on_click=_use_sample, icon=":material/science:")
    if not pairs:
        st.caption("It has an image column and a caption column. Relative picture paths start at the table's folder.")
        return None
    asked = (pairs, _changed_at(pairs))
    answer = answer_of(CHECK, repr(asked), "check", pairs, limit_seconds=LIMIT_SECONDS, saying="Reading the pictures")
    if answer is None:
        return None
    found, sentence = answer
    if found is None:
        st.error("This table cannot be used.", icon=":material/error:")
        st.text(sentence.removeprefix("ecif check: "))
        st.button("Read it again", on_click=forget, args=(CHECK,), icon=":material/refresh:")
        return None
    _understood(found)
    if not found["accepted"]:
        st.error("No row of this table can be used.", icon=":material/error:")
        return None
    return pairs, found


def _use_sample() -> None:
    """Fill in the sample data, its model and the options of `ecif demo`."""
    fill_in(demo_config(""))


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _understood(found: dict[str, Any]) -> None:
    """Counts, columns, splits and rejects, and the first pairs."""
    good = found["accepted"] == found["rows"]
    st.markdown(
        f":material/check_circle: **{found['accepted']:,} of {found['rows']:,} rows can be used**"
        + ("." if good else f"; {found['rejected']:,} cannot.")
    )
    left, right = st.columns(2)
    with left:
        st.text("Columns: " + ", ".join(_column(*one) for one in found["columns"].items()))
        st.text("Pairs: " + ", ".join(f"{number:,} {split}" for split, number in found["splits"].items()))
        if "validation" not in found["splits"]:
            st.caption("Without validation pairs a tenth of the training pairs is held out.")
    with right:
        facts = []
        if found["duplicates"]:
            facts.append(f"{found['duplicates']:,} pairs share a picture with another one")
        if found["oddities"]:
            facts.append(f"{found['oddities']:,} captions look odd by themselves")
        st.text("\n".join([*(f"{number:,} × {reason}" for reason, number in found["reasons"].items()), *facts]))
    for column, pair in zip(
        st.columns(NUM_PREVIEWS), zip(found["places"], found["examples"], strict=True), strict=False
    ):
        place, (image, caption) = pair
        with column.container(border=True, height="stretch"):
            picture = _preview(place, image)
            if picture:
                st.image(picture, width="stretch")
            st.text(caption if len(caption) <= 120 else caption[:119] + "…")


def _column(meaning: str, name: str) -> str:
    return name if meaning == name else f"{name} as {meaning}"


@st.cache_data(max_entries=64, show_spinner=False)
def _preview(place: str, image: str) -> bytes | None:
    """A small picture, made in memory; None where there is none that may be read."""
    try:
        picture = open_picture(place, image)
    except EcifError:
        return None
    picture.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=85)
    return buffer.getvalue()
