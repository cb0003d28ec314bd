"""Taking decisions along: which format, which pairs, what it will look like, the file, and the same as a command."""

from __future__ import annotations

import io
import shlex
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import streamlit as st

from dashboard.places import decisions_place
from dashboard.state import store
from dashboard.wording import pairs_in_words
from engine.errors import EcifError
from engine.review.exports import EXPORTS, IMAGE_ROOT, Preview, preview, write_export
from engine.runs import RunFolder

WHICH_WORDS = {
    "decided": "All decisions",
    "undecided": "Pairs not decided yet",
    "all": "Every pair, decided or not",
    "clean": "Every pair but the dropped ones",
    "keep": "Only kept pairs",
    "drop": "Only dropped pairs",
    "relabel": "Only relabelled pairs",
    "unsure": "Only unsure pairs",
}


def export_panel(run: RunFolder, num_pairs: int, verdicts: pd.Series) -> None:
    """Choose, look, download.

    Args:
        run: whose pairs are exported.
        num_pairs: pairs of the run, of all splits.
        verdicts: standing verdicts on pairs of the run, indexed by pair_id.
    """
    st.subheader("Export", anchor=False)
    choices, look = st.columns([2, 3], gap="large")
    with choices:
        format_name, which, root = _choices()
        words = EXPORTS[format_name].words
        st.markdown(words.what)
        st.caption(f"{words.others} Of several decisions on a pair the latest counts.")
        number = number_of(which, num_pairs, verdicts)
        st.download_button(
            f"Export {pairs_in_words(number)}", lambda: _archive(run, format_name, which, root),
            f"{run.run_id}-{format_name}.zip", "application/zip",
            icon=":material/download:", type="primary", on_click="ignore", disabled=number == 0,
            help="A .zip with a note of where it comes from: run, data and model hashes, counts.",
        )  # fmt: skip
        if number == 0:
            st.caption("There is no such pair yet.")
        else:
            st.markdown(f"**Next:** {words.next}")
    with look:
        if number:
            _look(run, format_name, which, root)
        st.caption("The same from the terminal:")
        st.code(command_line(run, format_name, which, root), language="bash", wrap_lines=True)


def number_of(which: str, num_pairs: int, verdicts: pd.Series) -> int:
    """How many pairs a selection holds; arguments as of `export_panel`."""
    counts = verdicts.value_counts()
    groups = {
        "decided": len(verdicts),
        "undecided": num_pairs - len(verdicts),
        "all": num_pairs,
        "clean": num_pairs - counts.get("drop", 0),
    }
    return int(groups.get(which, counts.get(which, 0)))


def command_line(run: RunFolder, format_name: str, which: str, root: str) -> str:
    """The command that writes the same export."""
    exporter = EXPORTS[format_name]
    command = ["ecif", "export", str(run.path), "--format", format_name]
    command += ["--which", which] if which != exporter.which[0] else []
    command += ["--out", exporter.file_name(run)]
    command += ["--image-root", root] if root != IMAGE_ROOT else []
    if decisions_place() != str(run.path.parent / "decisions.sqlite"):
        command += ["--decisions", store().place]
    return shlex.join(command)


def _choices() -> tuple[str, str, str]:
    format_name = st.selectbox(
        "Format",
        list(EXPORTS),
        format_func=lambda name: EXPORTS[name].words.title,
        key="format",
        bind="query-params",
    )
    takes = EXPORTS[format_name].which
    which = takes[0]
    if len(takes) > 1:
        which = st.selectbox(
            "Pairs", takes, format_func=WHICH_WORDS.get, key=f"{format_name}_pairs", bind="query-params"
        )
    if format_name != "label-studio":
        return format_name, which, IMAGE_ROOT
    root = st.text_input(
        "Address of the data set's folder",
        IMAGE_ROOT,
        key="image_root",
        bind="query-params",
        help="Stands before each image's path. The default is Label Studio's own address of local files; with "
        "images on a web server it is something like https://host/images/.",
    )
    return format_name, which, root


def _look(run: RunFolder, format_name: str, which: str, root: str) -> None:
    try:
        shown = _preview(str(run.path), run.revision, decisions_place(), store().revision(), format_name, which, root)
    except EcifError as error:
        st.warning("This format cannot be written here.", icon=":material/block:")
        st.text(str(error))
        return
    for one in shown:
        st.caption("It begins like this:" if len(shown) == 1 else f"{one.name} begins like this:")
        st.code(one.text, language=None)


@st.cache_data(max_entries=32, show_spinner="Reading the first rows …")
def _preview(
    path: str, revision: str, place: str, store_revision: int, format_name: str, which: str, root: str
) -> tuple[Preview, ...]:
    return preview(RunFolder(Path(path)), store(), format_name, which, root)


def _archive(run: RunFolder, format_name: str, which: str, root: str) -> BinaryIO:
    """The export and its provenance in one archive on disk, made when the button is pressed."""
    archive = tempfile.TemporaryFile()  # noqa: SIM115 – read by the caller; gone from disk with its last reference
    with tempfile.TemporaryDirectory() as folder:
        write_export(run, store(), format_name, Path(folder) / EXPORTS[format_name].file_name(run), which, root)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for part in sorted(Path(folder).rglob("*")):
                file.write(part, part.relative_to(folder))
    reader = io.BufferedReader(archive.detach())  # Streamlit takes no file that can be written as well
    reader.seek(0)
    return reader
