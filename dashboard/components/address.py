"""Widgets whose value lives in the address alone, because something else on the page sets it too.

`bind="query-params"` writes the address when the widget itself is moved; a value that a callback puts into the session
reaches the address late or never. Here the address comes first: a widget is given its value on every run, and moving
it writes the address. A name that a widget of any page binds cannot be written here.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import streamlit as st


def give(key: str, allowed: Container[str], default: str) -> None:
    """Give the widget `key`, before it is drawn, the value in the address; the default where that is none."""
    asked = st.query_params.get(key, default)
    st.session_state[key] = asked if asked in allowed else default


def give_page(key: str, num_pages: int) -> int:
    """The same for the number of a page, 1 to `num_pages`; the nearest there is if the list has become shorter."""
    asked = st.query_params.get(key, "1")
    st.session_state[key] = min(max(int(asked), 1), num_pages) if asked.isdecimal() and len(asked) < 9 else 1
    return st.session_state[key]


def remember(name: str, *keys: str) -> None:
    """Keep these parameters of the address for `recall`, before another page is opened."""
    st.session_state[f"address_{name}"] = {key: st.query_params[key] for key in keys if st.query_params.get_all(key)}


def recall(name: str, stranger: str) -> None:
    """Put back what was remembered where the address holds the parameter `stranger` of the page that was opened.

    Opening a page with parameters leaves an address in the history that is this page with the other page's parameters;
    the browser's Back comes there first.
    """
    if st.query_params.get_all(stranger):
        put_all({stranger: None, **st.session_state.get(f"address_{name}", {})})


def write(key: str, default: object, *cleared: str) -> None:
    """Put the value of the widget `key` into the address, and take out those in `cleared`: its `on_change`."""
    put(st.session_state[key], key, default, *cleared)


def put(value: object, key: str, default: object, *cleared: str) -> None:
    """Put `value` under `key` into the address, a default not at all, and take out those in `cleared`."""
    put_all({key: None if value == default else str(value), **dict.fromkeys(cleared)})


def put_all(values: Mapping[str, str | None]) -> None:
    """Put several values into the address in one step, so that one Back undoes it; None takes a parameter out."""
    st.query_params.update({name: [] if value is None else value for name, value in values.items()})
