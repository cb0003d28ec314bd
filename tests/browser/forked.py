"""Dashboards that start fast: what they import is imported once, and each is a fork of the process that did.

Only the start is short cut: each is a process of its own with its own runs, port, environment and memory, and does
after the fork what `python -m dashboard` does. Tests of the start itself use `conftest.serve`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """The process that has imported everything, seen from the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def start(self, arguments: list[str], said: Path) -> int:
        """Start a dashboard with this process's environment as it is now; what it prints goes to `said`."""
        order = {"arguments": arguments, "environment": dict(os.environ), "said": str(said)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and every dashboard that still runs."""
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def stop(pid: int, seconds: float = 60) -> None:
    """Ask a dashboard to end, and wait until it has."""
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            raise TimeoutError(f"the dashboard did not end within {seconds} seconds")
        time.sleep(0.02)


def _become_a_dashboard(order: dict) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # dashboards have children of their own to wait for
    os.environ.clear()
    os.environ.update(order["environment"])
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    sys.argv = ["dashboard", *order["arguments"]]
    from dashboard.__main__ import main

    os._exit(main(order["arguments"]))


def _serve() -> None:
    import pandas  # noqa: F401
    import PIL.Image  # noqa: F401
    import plotly.graph_objects  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import sqlalchemy  # noqa: F401
    import streamlit.web.bootstrap
    import streamlit.web.cli  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody else waits for them, and none may stay a zombie
    started = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_a_dashboard(json.loads(line))
        started.append(pid)
        print(pid, flush=True)
    for pid in started:  # the tests have ended, perhaps killed: what they left behind must not stay
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[3] == str(os.getpid()):
            os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve()
