"""Before any page: where a login is set up, only people who logged in and are on the list come further."""

from __future__ import annotations

import streamlit as st

from dashboard.people import is_welcome
from dashboard.state import logged_in_as, login_secrets
from dashboard.wording import APP_TITLE


def only_people_who_may_enter() -> None:
    """Return to a visitor who may see the pages; ask every other one to log in and end the script."""
    if is_welcome(st.user, login_secrets()):
        return
    name = logged_in_as()
    _, middle, _ = st.columns([1, 2, 1])
    with middle.container(border=True):
        st.markdown(f"#### {APP_TITLE}")
        if name:
            st.text(f"{name} is not on the list of people who may see this. Ask whoever runs the dashboard.")
            st.button("Log in as someone else", icon=":material/logout:", on_click=st.logout, width="stretch")
        else:
            st.text("Log in to see pictures and captions, and to decide.")
            st.button("Log in", icon=":material/login:", on_click=st.login, width="stretch", type="primary")
    st.stop()
