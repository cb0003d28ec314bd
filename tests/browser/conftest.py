"""A real server and a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser.forked import Nursery, stop

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def serve(runs: Path) -> tuple[subprocess.Popen, str]:
    """Start the dashboard as a user would; returns when it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--runs", str(runs), "--port", free_port(), "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ},
    )
    try:
        return process, answering(process.stdout.readline)
    except TimeoutError:
        process.kill()
        raise


def free_port() -> str:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def answering(said: Callable[[], str], seconds: float = 60) -> str:
    """The address in what a dashboard says first, once it answers there."""
    until, words = time.monotonic() + seconds, ""
    while time.monotonic() < until:
        words = words or said()
        try:
            url = words.split()[1]
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)  # noqa: S310
            return url
        except (OSError, IndexError):
            time.sleep(0.05)
    raise TimeoutError("the dashboard did not answer within a minute")


def settled(page) -> None:
    """Wait until a page is all there: its script has run, and nothing is waiting for a redraw."""
    page.locator("h1").first.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')")
    page.wait_for_timeout(150)  # components draw themselves after their data came


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """What starts dashboards fast."""
    one = Nursery()
    yield one
    one.close()


@pytest.fixture
def site(nursery: Nursery, runs_dir: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard over this test's own folder of runs."""
    said = tmp_path / "said-by-the-dashboard"
    pid = nursery.start(["--runs", str(runs_dir), "--port", free_port(), "--no-browser"], said)
    yield answering(lambda: said.read_text() if said.exists() else "")
    stop(pid)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """The browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[object]:
    """A tab; a script error or a request to another machine fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    tab.on(
        "request",
        lambda request: None if _is_local(request.url) else faults.append(f"request to another machine: {request.url}"),
    )
    tab.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield tab
    context.close()
    assert faults == []


def _is_local(url: str) -> bool:
    return url.startswith(("http://localhost:", "ws://localhost:", "http://127.0.0.1:", "data:", "blob:"))
