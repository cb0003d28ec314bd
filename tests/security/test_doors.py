"""Which requests are answered at all: known hosts, own pages, people who may come in; and what every answer says."""

import ast
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.doors import CLOSED, HEADERS, KnownHosts, PeopleOnly, SafeHeaders, is_known_host, is_own_origin

ALLOWED = ("Pairs.example.org",)
SERVER = Path(__file__).resolve().parents[2] / "dashboard" / "server.py"


async def words(request: object) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def client(may_enter: bool = True) -> TestClient:
    def ask(cookies: Mapping[str, str]) -> bool:
        return may_enter or cookies.get("who") == "ada"

    routes = [Route("/{path:path}", words, methods=["GET", "PUT"]), WebSocketRoute("/_stcore/stream", stream)]
    middleware = [
        Middleware(SafeHeaders),
        Middleware(KnownHosts, allowed=ALLOWED),
        Middleware(PeopleOnly, may_enter=ask, closed=(*CLOSED, "/thumb")),
    ]
    return TestClient(Starlette(routes=routes, middleware=middleware), base_url="http://localhost:8501")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8501", "LOCALHOST.", "127.0.0.1:1", "10.2.3.4", "[::1]:8501", "pairs.example.org",
     "pairs.example.org.:443", socket.gethostname(), f"{socket.gethostname()}.local:8501"],
)  # fmt: skip
def test_numbers_this_machine_and_allowed_names_are_known(host: str) -> None:
    assert is_known_host(host, ALLOWED)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "pairs.example.org.evil.example",
     "evil@localhost", "localhost/evil", "localhost:x", "[::1", "localhost localhost", "localhost\x00", "lоcalhost",
     "x" * 300],
)  # fmt: skip
def test_names_that_somebody_else_can_own_are_not_known(host: str) -> None:
    assert not is_known_host(host, ALLOWED)


@pytest.mark.parametrize(
    ("origin", "own"),
    [("http://localhost:8501", True), ("https://pairs.example.org", True), ("https://pairs.example.org:444", True),
     ("http://localhost:9999", False), ("http://127.0.0.1:8501", False), ("http://evil.example", False),
     ("null", False), ("", False), ("file://localhost:8501", False), ("http://localhost:8501@evil.example", False),
     ("http://evil.example/localhost:8501", False)],
)  # fmt: skip
def test_only_pages_of_this_server_are_its_own(origin: str, own: bool) -> None:
    assert is_own_origin(origin, "localhost:8501", ALLOWED) is own


def test_a_strange_host_is_refused_with_what_to_do() -> None:
    answer = client().get("/", headers={"host": "dash.example.com:8501"})
    assert answer.status_code == 403 and "inside" not in answer.text
    assert "--allowed-host dash.example.com." in answer.text
    assert client().get("/", headers={"host": "<script>"}).text.endswith("Check the address.\n")
    assert client().get("/").text == "inside"


def test_sockets_and_writing_need_an_origin_of_their_own() -> None:
    for origin in ("http://evil.example", "http://localhost:9999", "null"):
        assert client().put("/x", headers={"origin": origin}).status_code == 403
        with (
            pytest.raises(WebSocketDisconnect),
            client().websocket_connect(
                "ws://localhost:8501/_stcore/stream", headers={"origin": origin, "host": "localhost:8501"}
            ),
        ):
            pass
    own = {"origin": "http://localhost:8501", "host": "localhost:8501"}
    assert client().put("/x", headers=own).text == "inside"
    with client().websocket_connect("ws://localhost:8501/_stcore/stream", headers=own) as found:
        assert found.receive_text() == "inside"


@pytest.mark.parametrize(
    "path",
    ["/thumb/run/x.webp", "/thumb", "/media/x.png", "/media//x.png", "/_stcore/upload_file/s/f", "/_stcore/metrics"],
)
def test_pictures_files_and_uploads_are_closed_to_people_who_may_not_come_in(path: str) -> None:
    assert client(may_enter=False).get(path).status_code == 403
    assert client(may_enter=False).put(path).status_code == 403
    assert client(may_enter=False).get(path, headers={"cookie": "who=ada"}).text == "inside"
    assert client(may_enter=True).get(path).text == "inside"


def test_what_the_login_itself_needs_stays_open() -> None:
    for path in (
        "/",
        "/pair",
        "/static/js/index.js",
        "/static/media/font.woff2",
        "/mediation",
        "/auth/login",
        "/oauth2callback",
        "/_stcore/health",
    ):
        assert client(may_enter=False).get(path).text == "inside"


def test_every_answer_says_how_it_may_be_used() -> None:
    for answer in (client().get("/"), client().get("/", headers={"host": "evil.example"})):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'self'" in HEADERS["Content-Security-Policy"]
    assert "http" not in HEADERS["Content-Security-Policy"]  # nothing from, and nothing to, another machine


def test_the_server_closes_every_route_of_ours() -> None:
    source = SERVER.read_text(encoding="utf-8")
    assert "closed=CLOSED_HERE" in source
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert {"KnownHosts", "PeopleOnly", "SafeHeaders"} <= names
    from dashboard import large_pictures, thumbnails

    assert {r.path.split("/")[1] for r in (*thumbnails.ROUTES, *large_pictures.ROUTES)} == {"thumb", "picture"}
