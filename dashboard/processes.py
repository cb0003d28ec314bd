"""Processes of the engine that pages start: what they are given, how they are found again and ended. No Streamlit."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

KILL_SECONDS = 5
"""that a killed process may take to be gone"""


def engine_command(*arguments: str) -> list[str]:
    """`ecif ARGUMENTS`, by the interpreter that serves the pages."""
    return [sys.executable, "-m", "engine", *arguments]


def environment() -> dict[str, str]:
    """The engine is imported from where the dashboard was; its threads do not spin while they wait."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(sys.path)}


def end(process: psutil.Process | None, seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to stop, and make it stop if it does not within some seconds.

    Args:
        process: of `engine.processes.at_work`; nothing happens for None.
        seconds: how long it may take.
        by: how it is asked.
    """
    if process is None:
        return
    try:
        process.send_signal(by)
        process.wait(seconds)
    except psutil.TimeoutExpired:  # busy, deaf, or started where this signal is ignored
        with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
            process.kill()
            process.wait(KILL_SECONDS)
    except psutil.NoSuchProcess:
        return
