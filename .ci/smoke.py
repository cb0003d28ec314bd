"""Start `ecif demo` of a fresh installation twice, away from the checkout, and look at the served page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

PORT = 8599
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
CHROMIUM = "/usr/bin/chromium"


def open_demo(ecif: str, folder: Path) -> float:
    """Seconds from the command to a page with loaded thumbnails; raises if it never comes."""
    started = time.monotonic()
    log = (folder / "demo.log").open("ab")
    server = subprocess.Popen(
        [ecif, "demo", "--no-browser", "--port", str(PORT)], cwd=folder, stdout=log, stderr=log, start_new_session=True
    )
    try:
        address = f"http://localhost:{PORT}"
        while time.monotonic() - started < 300:
            if server.poll() is not None:
                raise RuntimeError(f"ecif demo ended with {server.returncode}:\n{(folder / 'demo.log').read_text()}")
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).read()  # noqa: S310
                break
            except OSError:
                time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.goto(address)
            page.wait_for_function(
                "() => [...document.querySelectorAll('img')].some(i => i.src.includes('/thumb/') && i.naturalWidth > 0)"
                " || [...document.querySelectorAll('*')].some(e => e.shadowRoot &&"
                " [...e.shadowRoot.querySelectorAll('img')].some(i => i.naturalWidth > 0))",
                timeout=60_000,
            )
            seconds = time.monotonic() - started
            text = page.inner_text("body").lower()
            browser.close()
        for word in ("training pairs", "suspicious"):
            if word not in text:
                raise RuntimeError(f"the overview does not say {word!r}:\n{text[:2000]}")
        if "traceback" in text:
            raise RuntimeError(text[:2000])
        return seconds
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def main() -> None:
    """Print the seconds of the first and the second start."""
    ecif, folder = sys.argv[1], Path(sys.argv[2]) / "elsewhere"
    folder.mkdir()
    first, second = open_demo(ecif, folder), open_demo(ecif, folder)
    print(f"ecif demo: results on screen after {first:.1f} s; second start {second:.1f} s")
    if first > 90 or second > 10:
        sys.exit("slower than the promised 90 s and 10 s")


main()
