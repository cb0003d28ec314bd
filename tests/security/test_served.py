"""A real server: what it listens on, what it answers, and that a login closes pictures as well as pages."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from dashboard.thumbnails import thumbnail_url
from engine.runs import RunFolder

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef" * 4
LOGIN = f"""
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "x"
client_secret = "x"
server_metadata_url = "https://login.invalid/.well-known/openid-configuration"
[people]
allowed = ["@lab.example.org"]
"""


@contextlib.contextmanager
def served(cwd: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen]]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--port", port, "--no-browser", *options],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        assert line.startswith("Dashboard: "), process.stderr.read()
        url = line.split()[1]
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)  # noqa: S310
                break
            time.sleep(0.1)
        yield url, process
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()
        process.stderr.close()


def status(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): text for name, text in headers.items()})  # noqa: S310
    try:
        return urllib.request.urlopen(request, timeout=10).status  # noqa: S310
    except urllib.error.HTTPError as error:
        return error.code


def handshake(url: str, origin: str) -> int:
    """The status of a page of `origin` that opens the socket."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": origin,
               "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}  # fmt: skip
    with contextlib.closing(connection):
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status


def cookie(email: str, secret: str = SECRET) -> str:
    """What Streamlit gives a browser after a login."""
    user = json.dumps({"origin": "http://localhost:8501", "is_logged_in": True, "email": email})
    return f"_streamlit_user={create_signed_value(secret, '_streamlit_user', user).decode()}"


def addresses(runs_dir: Path) -> tuple[str, str]:
    run = RunFolder(next(path for path in runs_dir.iterdir() if path.is_dir()))
    pair = run.table("pairs").iloc[0]
    return thumbnail_url(run.run_id, pair["thumbnail"]), f"/picture/{run.run_id}?pair={pair['pair_id']}"


def test_by_default_only_this_machine_and_its_own_names_are_answered(runs_dir: Path, tmp_path: Path) -> None:
    with served(tmp_path, "--runs", str(runs_dir)) as (url, process):
        thumb, picture = addresses(runs_dir)
        assert [status(url + path) for path in ("/", thumb, picture)] == [200, 200, 200]
        for path in ("/", thumb, picture, "/_stcore/health", "/static/../../etc/passwd"):
            assert status(url + path, Host="evil.example") == 403
        listening = {one.laddr.ip for one in _connections(process.pid) if one.status == "LISTEN"}
        assert listening and listening <= {"127.0.0.1", "::1"}
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


def test_with_a_login_pictures_are_for_people_on_the_list_only(runs_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("authlib")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(LOGIN)
    with served(tmp_path, "--runs", str(runs_dir)) as (url, _):
        for path in addresses(runs_dir):
            assert status(url + path) == 403
            assert status(url + path, Cookie=cookie("ada@lab.example.org")) == 200
            assert status(url + path, Cookie=cookie("eve@evil.example")) == 403
            assert status(url + path, Cookie=cookie("ada@lab.example.org", secret="f" * 64)) == 403
            assert status(url + path, Cookie="_streamlit_user=x; _streamlit_user__1=y") == 403
        assert status(f"{url}/media/x.png") == status(f"{url}/_stcore/metrics") == 403
        assert status(f"{url}/") == 200  # the page says: log in


def test_listening_elsewhere_is_asked_for_and_warned_of(runs_dir: Path, tmp_path: Path) -> None:
    options = ("--runs", str(runs_dir), "--host", "0.0.0.0", "--allowed-host", "a.example")  # noqa: S104
    with served(tmp_path, *options) as (url, process):
        assert status(url, Host="a.example") == 200 and status(url, Host="b.example") == 403
        # a proxy may pass its own name for the server on as Host; the origin is the browser's
        assert [handshake(url, origin) for origin in ("https://a.example", url, "https://b.example")] == [101, 101, 403]
        warning = process.stderr.readline()
    assert "no login is set up" in warning and warning.count("\n") == 1


def test_a_spoilt_login_is_no_open_door(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth\n")
    found = subprocess.run(
        [sys.executable, "-m", "dashboard", "--runs", str(tmp_path), "--port", "8790", "--no-browser"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 1 and "Expected a readable secrets.toml" in found.stderr
    assert "Traceback" not in found.stderr and "Dashboard:" not in found.stdout


def _connections(pid: int) -> list:
    import psutil

    return psutil.Process(pid).net_connections()
