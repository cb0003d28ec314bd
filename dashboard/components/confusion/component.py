"""The Python side of the confusion component."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.browser_part import browser_part

HERE = Path(__file__).resolve().parent


def confusion(
    counted: dict[str, Any], chosen: tuple[str | None, str | None], *, key: str, on_choose: Callable[[str, str], None]
) -> None:
    """Show confusions; choosing one calls `on_choose` before the page is drawn again.

    Args:
        counted: of `dashboard.predictions.confusions`.
        chosen: true class and what the model says, of the list on the page; None for any.
        key: of the component.
        on_choose: gets true class and what the model says; two empty strings take the choice back.
    """
    names = {one["name"] for one in counted["classes"]}

    def take() -> None:
        asked = getattr(st.session_state.get(key), "chosen", None)
        if not isinstance(asked, list) or len(asked) != 2 or not all(isinstance(name, str) for name in asked):
            return
        if asked == ["", ""] or set(asked) <= names:
            on_choose(*asked)

    _component()(key=key, data={**counted, "chosen": list(chosen)}, on_chosen_change=take)


@cache
def _component() -> Callable[..., Any]:
    return browser_part(HERE, "confusion", "confusion.css", ["confusion.js"])
