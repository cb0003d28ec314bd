"""Shares as bars: probabilities of classes, fits of captions. Names are strangers' text: set through textContent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

CSS = """
.bars { display: grid; grid-template-columns: minmax(4rem, max-content) 1fr max-content; gap: .42rem .7rem;
  align-items: center; font-family: var(--st-font, sans-serif); font-size: 14px; color: var(--st-text-color, inherit); }
.bars.long { grid-template-columns: minmax(6rem, 55%) 1fr max-content; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 24rem; }
.bars.long .name { white-space: normal; overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; line-height: 1.25; }
.track { height: .7rem; border-radius: 4px; background: var(--st-secondary-background-color, #f3f6f6); }
.fill { height: 100%; min-width: 2px; border-radius: 4px; background: #64748b; opacity: .6; }
.top .fill { background: var(--st-primary-color, #0f766e); opacity: 1; }
.row { display: contents; }
.top .name, .top .value, .yours .name, .yours .value { font-weight: 600; }
.value { font-variant-numeric: tabular-nums; text-align: right; }
.mark { font-size: 11.5px; font-weight: 500; margin-left: .45rem; padding: 0 .4rem; border-radius: 999px;
  border: 1px solid currentColor; opacity: .8; white-space: nowrap; }
"""
JS = """
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".bars");
  root.classList.toggle("long", data.long);
  const part = (kind, text) => {
    const made = document.createElement("div");
    made.className = kind;
    made.textContent = text || "";
    return made;
  };
  root.replaceChildren(...data.rows.map(({ name, share, value, mark, kinds }) => {
    const row = part(["row", ...kinds].join(" "));
    row.setAttribute("role", "listitem");
    const label = part("name", name);
    label.title = name;
    if (mark) {
      const badge = document.createElement("span");
      badge.className = "mark";
      badge.textContent = mark;
      label.append(badge);
    }
    const track = part("track"), fill = part("fill");
    fill.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
    track.append(fill);
    row.append(label, track, part("value", value));
    return row;
  }));
}
"""


def share_bars(rows: list[dict[str, Any]], *, key: str, long: bool = False) -> None:
    """Bars with names at the left and values at the right.

    Args:
        rows: name, share (0 to 1, what the bar fills), value (its text), mark (a badge, or None), kinds (top, yours).
        key: of the component.
        long: names are sentences.
    """
    _component()(data={"rows": rows, "long": long}, key=key)


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("ecif_bars", html='<div class="bars" role="list"></div>', css=CSS, js=JS)
