"""Step 1: the pairs, read at once to see what is in them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.wizard.asking import answer_of, forget
from dashboard.components.wizard.options import fill_in, option, remember, remembered
from engine.config import help_of
from engine.errors import EcifError
from engine.pairs import open_picture
from engine.pairs.images import MISSING
from engine.sample import demo_config

CHECK = "wizard_check"
LIMIT_SECONDS = 1800.0
PREVIEW_PIXELS = 240
NUM_PREVIEWS = 5
SHOWN_COLUMNS = 8
ELSEWHERE = "Pictures in another folder, or classes instead of captions"
FORMATS = """
- a table (.csv, .tsv, .jsonl, .parquet) with an image column and a caption column
- COCO captions (.json), caption files of Flickr8k and Flickr30k
- webdataset shards (.tar), a folder that img2dataset or Hugging Face `datasets` wrote, Parquet with pictures inside
- a folder with metadata.csv or metadata.jsonl, or with one folder of pictures per class
- several files at once: `/data/shards/*.parquet`, `/data/shard-{0000..0099}.tar`
"""


def data_step() -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Ask for the pairs.

    Returns:
        The options that name the data, and what `ecif check` found in it; None as long as it cannot be used.
    """
    data = _asked()
    if data is None:
        return None
    question = (*data.values(), _changed_at(data["pairs"]))
    arguments = ["check", data["pairs"], "--caption-template", data["caption_template"]]
    arguments += ["--images", data["images"]] if data["images"] else []
    answer = answer_of(CHECK, repr(question), *arguments, limit_seconds=LIMIT_SECONDS, saying="Reading the pictures")
    if answer is None:
        return None
    found, sentence = answer
    if found is None:
        st.error("These pairs cannot be used.", icon=":material/error:")
        st.text(sentence.removeprefix("ecif check: "))
        st.button("Read again", on_click=forget, args=(CHECK,), icon=":material/refresh:")
        return None
    _understood(found)
    return (data, found) if found["accepted"] else None


def _asked() -> dict[str, Any] | None:
    """The options that name the data; None and the formats while there are none."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pairs = st.text_input(
            "Your pairs", key=remembered("pairs", ""), placeholder="/data/pairs.csv", width="stretch",
            help=f"{help_of('pairs')}. Splits (train, validation, test) are used if there are any.",
        ).strip()  # fmt: skip
        remember("pairs", pairs)
        st.button("Use the sample data", on_click=_use_sample, icon=":material/science:")
    if not pairs:
        st.caption(f"A file, a folder or a pattern on this machine:\n{FORMATS}")
        return None
    with st.expander(ELSEWHERE, icon=":material/folder_open:"):
        left, right = st.columns(2)
        with left:
            images = option("images", "Folder of the pictures")
        with right:
            template = option("caption_template", "Caption of a class")
    return {"pairs": pairs, "images": images, "caption_template": template or ""}


def _use_sample() -> None:
    """Fill in the sample data, its model and the options of `ecif demo`."""
    fill_in(demo_config(""))


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _understood(found: dict[str, Any]) -> None:
    """What it was read as, counts, columns, splits and rejects, and some pairs."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        icon = ":material/check_circle:" if found["accepted"] else ":red[:material/error:]"
        cannot = f"; {found['rejected']:,} cannot." if found["rejected"] else "."
        st.markdown(f"{icon} **{found['accepted']:,} of {found['rows']:,} rows can be used**{cannot}")
        st.button("Read again", on_click=forget, args=(CHECK,), icon=":material/refresh:", type="tertiary")
    left, right = st.columns(2)
    with left:
        files = f", {found['files']:,} files" if found["files"] > 1 else ""
        st.text(f"Read as {found['reader']}{files}")
        if found["splits"]:
            st.text("Pairs: " + ", ".join(f"{number:,} {split}" for split, number in found["splits"].items()))
        if found["splits"] and "validation" not in found["splits"]:
            st.caption("Without validation pairs a tenth of the training pairs is held out.")
    with right:
        st.text("Columns: " + ", ".join(_column(*one) for one in found["columns"].items()))
        if found["unused"]:
            more = ", …" if len(found["unused"]) > SHOWN_COLUMNS else ""
            st.text("Not used: " + ", ".join(found["unused"][:SHOWN_COLUMNS]) + more)
        facts = [found["duplicates"] and f"{found['duplicates']:,} pairs share a picture with another one",
                 found["oddities"] and f"{found['oddities']:,} captions look odd by themselves"]  # fmt: skip
        st.text("\n".join(fact for fact in facts if fact))
    for note in found["notes"]:
        st.text(note)
    if found["reasons"]:
        _rejected(found)
    _previews(found)


def _rejected(found: dict[str, Any]) -> None:
    reasons = found["reasons"]
    columns = {"Rows": list(reasons.values()), "Why they cannot be used": list(reasons)}
    columns["The first"] = [found["first_rejects"][reason] for reason in reasons]
    st.dataframe(columns, hide_index=True, column_config={"Rows": st.column_config.NumberColumn(width="small")})
    if reasons.get(MISSING, 0) > found["rows"] / 2:
        st.info(f'Do the pictures lie elsewhere? Name their folder under "{ELSEWHERE}".', icon=":material/folder_open:")


def _previews(found: dict[str, Any]) -> None:
    shown = list(zip(found["places"], found["examples"], strict=True))
    number = min(NUM_PREVIEWS, len(shown))
    shown = [shown[at * len(shown) // number] for at in range(number)]
    for column, (place, (image, caption)) in zip(st.columns(NUM_PREVIEWS), shown, strict=False):
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
