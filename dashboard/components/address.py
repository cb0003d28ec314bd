"""Widgets whose value lives in the address alone, because something else on the page sets it too.

`bind="query-params"` writes the address when the widget itself is moved; a value that a callback puts into the session
reaches the address late or never. Here the address comes first: a widget is given its value on every run, and moving
it writes the address.
"""

from __future__ import annotations

from collections.abc import Container

import streamlit as st


def give(key: str, allowed: Container[str], default: str) -> None:
    """Give the widget `key`, before it is drawn, the value in the address; the default where that is none."""
    asked = st.query_params.get(key, default)
    st.session_state[key] = asked if asked in allowed else default


def give_page(key: str, num_pages: int) -> None:
    """The same for the number of a page, 1 to `num_pages`."""
    asked = st.query_params.get(key, "1")
    st.session_state[key] = min(max(int(asked), 1), num_pages) if asked.isdecimal() and len(asked) < 9 else 1


def remember(name: str, *keys: str) -> None:
    """Keep these parameters of the address for `recall`, before another page is opened."""
    st.session_state[f"address_{name}"] = {key: st.query_params[key] for key in keys if key in st.query_params}


def recall(name: str, stranger: str) -> None:
    """Put back what was remembered where the address holds the parameter `stranger` of the page that was opened.

    Opening a page with parameters leaves an address in the history that is this page with the other page's parameters;
    the browser's Back comes there first.
    """
    if stranger in st.query_params:
        del st.query_params[stranger]
        for key, value in st.session_state.get(f"address_{name}", {}).items():
            st.query_params[key] = value


def write(key: str, default: object, *cleared: str) -> None:
    """Put the value of the widget `key` into the address, and take out those in `cleared`: its `on_change`."""
    put(st.session_state[key], key, default, *cleared)


def put(value: object, key: str, default: object, *cleared: str) -> None:
    """Put `value` under `key` into the address, a default not at all, and take out those in `cleared`."""
    for name in (key, *cleared):
        st.query_params.pop(name, None)
    if value != default:
        st.query_params[key] = str(value)
