"""What the server answers: known hosts, its own pages, people who may come in; and the headers of every answer.

- A page of another site can make a name of its own mean this machine ("DNS rebinding") and then read the dashboard
  through the visitor's browser. It cannot do so with a number: so numbers, `localhost`, this machine's name and what
  `--allowed-host` says are answered, other names are not.
- Another site, or another program's page on this machine, can open a socket to the dashboard: so the origin must be
  the host itself, or an allowed one.
- Where a login is set up, pictures, files and uploads are closed to whoever has not logged in. (Pages close
  themselves: `dashboard.components.entrance`.)

No Streamlit here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSED = ("/media", "/_stcore/upload_file", "/_stcore/agent", "/_stcore/metrics")
"""beginnings of the addresses at which Streamlit itself serves or takes files, or answers programs"""
READING = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""Streamlit needs scripts inside its page; nothing may come from, or be sent to, another machine"""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


def host_name(host: str) -> str | None:
    """The name or number in a Host header, small letters; None if it is none."""
    return _name(_split(f"//{host}")) if re.fullmatch(r"[A-Za-z0-9.:_\[\]-]{1,255}", host) else None


def is_known_host(host: str, allowed: Iterable[str]) -> bool:
    """Whether a Host header names this server: a number, `localhost`, this machine, or one of `allowed`."""
    name = host_name(host)
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in {"localhost", own, f"{own}.local", *(one.lower().rstrip(".") for one in allowed)}
    return True


def is_own_origin(origin: str, host: str, allowed: Iterable[str]) -> bool:
    """Whether a page at `origin` is one of this server's: same host and port, or one of the `allowed` hosts."""
    parts = _split(origin)
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    return parts.netloc.lower() == host.lower() or _name(parts) in {one.lower().rstrip(".") for one in allowed}


class KnownHosts:
    """Answers only requests that are meant for this server and come from its own pages.

    Args:
        app: what comes behind.
        allowed: names of hosts besides numbers, `localhost` and this machine's name.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...] = ()) -> None:
        self._app, self._allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with a sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts, origin = headers.getlist("host"), headers.get("origin")
        if len(hosts) != 1 or not is_known_host(hosts[0], self._allowed):
            name = host_name(hosts[0]) if len(hosts) == 1 else None
            fix = f"If {name} is this dashboard, start it with --allowed-host {name}." if name else "Check the address."
            await _refuse(scope, receive, send, f"This dashboard is not known by that name. {fix}")
            return
        writes = scope["type"] == "websocket" or scope["method"] not in READING
        if origin is not None and writes and not is_own_origin(origin, hosts[0], self._allowed):
            await _refuse(scope, receive, send, "Only pages of this dashboard may do that.")
            return
        await self._app(scope, receive, send)


class PeopleOnly:
    """Closes pictures, files and uploads to people who may not come in.

    Args:
        app: what comes behind.
        may_enter: from the cookies of a request, whether its sender may come in.
        closed: addresses below these are closed.
    """

    def __init__(self, app: ASGIApp, may_enter: Callable[[Mapping[str, str]], bool], closed: tuple[str, ...]) -> None:
        self._app, self._may_enter = app, may_enter
        self._closed = tuple(f"{one}/" for one in closed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(self._closed):
            cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
            if not self._may_enter(cookies):
                await _refuse(scope, receive, send, "Log in first.")
                return
        await self._app(scope, receive, send)


class SafeHeaders:
    """Adds what keeps a browser from misusing an answer; what an answer says itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the answer gets its headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return None
    return parts


def _name(parts: SplitResult | None) -> str | None:
    if parts is None or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").lower().rstrip(".") or None


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(f"{sentence}\n", status_code=403)(scope, receive, send)
