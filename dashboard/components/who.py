"""Who decides, in the sidebar: the person who has logged in, else a name."""

from __future__ import annotations

import streamlit as st

from dashboard.state import Key, account_name, logged_in_as


def who_decides() -> None:
    """The name that will stand beside every decision, and how to change it."""
    name = logged_in_as()
    if name:
        st.text(f"You are {name}")
        st.button("Log out", icon=":material/logout:", on_click=st.logout, width="stretch")
        return
    st.text_input(
        "Your name",
        key=Key.ANNOTATOR.value,
        placeholder=account_name(),
        persist_state="session",
        max_chars=200,
        help="Stands beside every decision you make. Two people with one name count as one person.",
    )
