"""Our own parts of a page: scripts and a style in one folder, put together without any build step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

SHARED = Path(__file__).resolve().with_name("browser_part.js")


def browser_part(folder: Path, kind: str, style: str, scripts: Sequence[str]) -> Callable[..., Any]:
    """Register a part with Streamlit; call it once per kind and keep what it returns.

    Args:
        folder: holds the files.
        kind: names the part, and is the class of its outermost element.
        style: file name of the style sheet.
        scripts: file names in the order in which they build on each other, all in one module after
            `browser_part.js`; one of them exports the part.

    Returns:
        What shows the part: takes key, data and callbacks, see `st.components.v2.component`.
    """
    return st.components.v2.component(
        f"ecif_{kind}",
        html=f'<div class="{kind}"></div>',
        css=(folder / style).read_text(encoding="utf-8"),
        js="\n".join(path.read_text(encoding="utf-8") for path in (SHARED, *(folder / name for name in scripts))),
    )
