"""Small buttons that take a filter away. Their text is strangers' (labels, words): the browser sets it as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

CSS = """
:host { display: block; }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; font-family: var(--st-font, sans-serif); }
button { font: inherit; font-size: 13px; line-height: 1.4; max-width: 100%; display: inline-flex; gap: .45rem;
  align-items: center;
  color: var(--st-text-color, inherit); background: var(--st-secondary-background-color, #f3f6f6); cursor: pointer;
  border: 1px solid var(--st-border-color, #d7dee0); border-radius: 999px; padding: .12rem .7rem; }
button span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 24rem; }
button b { font-weight: 600; white-space: nowrap; color: var(--st-primary-color, #0f766e); }
button i { font-style: normal; opacity: .75; }
button:hover { border-color: var(--st-primary-color, #0f766e); }
button:focus-visible { outline: 2px solid var(--st-primary-color, #0f766e); outline-offset: 2px; }
button.all { background: none; border-color: transparent; text-decoration: underline; text-underline-offset: 3px; }
"""
JS = """
function part(tag, text) { const made = document.createElement(tag); made.textContent = text; return made; }
export default function ({ data, parentElement, setTriggerValue }) {
  const made = data.chips.map(([name, words, note]) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.title = words;
    chip.setAttribute("aria-label", `Take away: ${words}${note ? `, ${note}` : ""}`);
    chip.append(part("span", words));
    if (note) chip.append(part("b", note));
    chip.append(part("i", "\\u2715"));
    chip.addEventListener("click", () => setTriggerValue("removed", name));
    return chip;
  });
  if (data.all) {
    const all = part("button", "Clear all");
    all.type = "button"; all.className = "all";
    all.addEventListener("click", () => setTriggerValue("removed", data.all));
    made.push(all);
  }
  const host = parentElement.querySelector(".chips");
  const wanted = JSON.stringify(data);
  if (host.dataset.shown !== wanted) { host.dataset.shown = wanted; host.replaceChildren(...made); }
}
"""
ALL = "*"


def chips(
    parts: dict[str, str], *, key: str, on_removed: Callable[[str], None], notes: dict[str, str] | None = None
) -> None:
    """Show one button per part; `on_removed` gets the name of the one that was pressed, or `ALL`.

    Args:
        parts: words by name.
        key: of the component.
        on_removed: called before the page is drawn again.
        notes: more words on some of them.
    """

    def take() -> None:
        removed = getattr(st.session_state.get(key), "removed", None)
        if isinstance(removed, str) and (removed == ALL or removed in parts):
            on_removed(removed)

    _component()(
        key=key,
        data={
            "chips": [[name, words, (notes or {}).get(name)] for name, words in parts.items()],
            "all": ALL if len(parts) > 1 else None,
        },
        on_removed_change=take,
    )


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("ecif_chips", html='<div class="chips"></div>', css=CSS, js=JS)
