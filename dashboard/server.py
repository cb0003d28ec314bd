"""What `streamlit run` serves: the pages, and the pictures by URL; to whom `dashboard.doors` lets in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from dashboard import large_pictures, thumbnails
from dashboard.doors import CLOSED, KnownHosts, PeopleOnly, SafeHeaders
from dashboard.people import is_welcome, login_is_asked_for, login_part
from dashboard.places import allowed_hosts
from dashboard.warm_up import warm_up

ROUTES = [*thumbnails.ROUTES, *large_pictures.ROUTES]


def may_enter(cookies: Mapping[str, str]) -> bool:
    """Whether the sender of these cookies may have pictures and files; Streamlit's own signed cookie says who it is."""
    secrets = login_part(st.secrets)
    return is_welcome(_user_of(cookies) if login_is_asked_for(secrets) else {}, secrets)


def _user_of(cookies: Mapping[str, str]) -> dict[str, Any]:
    # Streamlit's own, and not public: looked up here, so that another version of it breaks nothing without a login.
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    try:
        signed = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
        user = json.loads(signed) if signed else {}
    except (ValueError, UnicodeError):
        return {}
    return user if isinstance(user, dict) else {}


CLOSED_HERE = (*CLOSED, *(f"/{route.path.split('/')[1]}" for route in ROUTES))
app = st.App(
    Path(__file__).with_name("app.py"),
    routes=ROUTES,
    middleware=[
        Middleware(SafeHeaders),
        Middleware(KnownHosts, allowed=allowed_hosts()),
        Middleware(PeopleOnly, may_enter=may_enter, closed=CLOSED_HERE),
    ],
    lifespan=warm_up,
)
