"""How one caption becomes another: words that go are struck out, words that come are underlined.

Captions are strangers' text: the browser gets them as data and sets them through textContent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from dashboard.tables import word_difference

CSS = """
p { margin: 0; font-family: var(--st-font, sans-serif); color: var(--st-text-color, inherit); line-height: 1.7;
    overflow-wrap: anywhere; }
.out { text-decoration: line-through; opacity: .65; }
.in { font-weight: 600; text-decoration: underline; text-decoration-color: var(--st-primary-color, #0f766e);
      text-decoration-thickness: 2px; text-underline-offset: 4px; }
"""
JS = """
const TAGS = { same: "span", out: "del", in: "ins" };
export default function ({ data, parentElement }) {
  const parts = data.flatMap(([kind, words]) => {
    const made = document.createElement(TAGS[kind] || "span");
    made.className = kind;
    made.textContent = words;
    return [made, document.createTextNode(" ")];
  });
  parentElement.querySelector("p").replaceChildren(...parts);
}
"""


def caption_change(old: str, new: str, *, key: str) -> None:
    """Show the way from one caption to another."""
    _component()(data=word_difference(old, new), key=key)


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("ecif_difference", html="<p></p>", css=CSS, js=JS)
