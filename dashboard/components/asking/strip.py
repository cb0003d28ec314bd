"""A row of small pictures to choose one from. Labels are strangers' text: set through textContent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

CSS = """
.strip { display: flex; flex-wrap: wrap; gap: .6rem; font-family: var(--st-font, sans-serif); }
.strip button { display: grid; gap: .3rem; padding: .35rem; width: 104px; cursor: pointer; font: inherit;
  color: var(--st-text-color, inherit); background: var(--st-background-color, transparent);
  border: 1px solid var(--st-border-color, rgba(128, 128, 128, .4)); border-radius: 10px; }
.strip button:hover { border-color: var(--st-primary-color, #0f766e); }
.strip button:focus-visible { outline: 3px solid var(--st-primary-color, #0f766e); outline-offset: 2px; }
.strip img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 6px;
  background: var(--st-secondary-background-color, #f3f6f6); }
.strip span { font-size: 12.5px; line-height: 1.3; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.strip .note { font-size: 11.5px; opacity: .75; }
"""
JS = """
export default function ({ data, setTriggerValue, parentElement }) {
  const made = data.map(({ pair_id, url, title, note }) => {
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.src = url;
    picture.alt = "";
    const parts = [picture];
    for (const [kind, text] of [["title", title], ["note", note]]) {
      if (!text) continue;
      const line = document.createElement("span");
      line.className = kind;
      line.textContent = text;
      parts.push(line);
    }
    button.title = [title, note].filter(Boolean).join(" · ");
    button.append(...parts);
    button.addEventListener("click", () => setTriggerValue("chosen", pair_id));
    return button;
  });
  parentElement.querySelector(".strip").replaceChildren(...made);
}
"""


def picture_strip(tiles: list[dict[str, Any]], *, key: str, on_choice: Callable[[str], None]) -> None:
    """Show tiles; `on_choice` gets the pair_id of the one that is clicked, before the page is drawn again.

    Args:
        tiles: pair_id, url, title, note.
        key: of the component.
        on_choice: what a choice does.
    """

    def chosen() -> None:
        pair_id = getattr(st.session_state.get(key), "chosen", None)
        if any(tile["pair_id"] == pair_id for tile in tiles):
            on_choice(pair_id)

    _component()(data=tiles, key=key, on_chosen_change=chosen)


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "ecif_strip", html='<div class="strip" role="group" aria-label="Test pictures"></div>', css=CSS, js=JS
    )
