"""Processes of the engine that pages start: what they are given, how they are found again and ended. No Streamlit."""

from __future__ import annotations

import os
import signal
import sys

import psutil

SAME_SECONDS = 1
"""processes with one number that were born further apart are different ones"""


def engine_command(*arguments: str) -> list[str]:
    """`ecif ARGUMENTS`, by the interpreter that serves the pages."""
    return [sys.executable, "-m", "engine", *arguments]


def environment() -> dict[str, str]:
    """The engine is imported from where the dashboard was; its threads do not spin while they wait."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(sys.path)}


def born_at(pid: int) -> float:
    """When a process that was just started was born, unix seconds: tells it from a later one with the same number."""
    return psutil.Process(pid).create_time()


def at_work(pid: int, born: float) -> psutil.Process | None:
    """The process that got this number then; None if it has ended, whether or not anybody waited for it."""
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - born) < SAME_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def end(process: psutil.Process | None, seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to stop, and make it stop if it does not within some seconds.

    Args:
        process: of `at_work`; nothing happens for None.
        seconds: how long it may take.
        by: how it is asked.
    """
    if process is None:
        return
    try:
        process.send_signal(by)
        process.wait(seconds)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        return
