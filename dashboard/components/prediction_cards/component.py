"""The Python side of the cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.browser_part import browser_part

HERE = Path(__file__).resolve().parent


def prediction_list(cards: Sequence[dict[str, Any]], *, key: str) -> str | None:
    """Show cards; a click, or Enter, opens one.

    Args:
        cards: of `dashboard.predictions.prediction_cards`.
        key: of the component.

    Returns:
        The query_id of the card that the person wants to open; None if none.
    """
    waiting = f"{key}_opened"  # a trigger is lost when its run is cut short by another rerun; this is not

    def take() -> None:
        st.session_state[waiting] = getattr(st.session_state.get(key), "opened", None)

    _component()(key=key, data={"cards": list(cards)}, on_opened_change=take)
    opened = st.session_state.pop(waiting, None)
    return opened if any(card["query_id"] == opened for card in cards) else None


@cache
def _component() -> Callable[..., Any]:
    return browser_part(HERE, "predictions", "cards.css", ["cards.js"])
