"""Which process it is: told from every other that has or had its number, whatever the clock does. No torch."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil


def birth(pid: int) -> str:
    """A mark that this process has and no other, before or after it, with the same number.

    On Linux it is the boot and the ticks since then, which stay when the clock is set; elsewhere what the system keeps.

    Raises:
        psutil.NoSuchProcess: if there is none.
    """
    if not sys.platform.startswith("linux"):
        return f"{psutil.Process(pid).create_time():.2f}"
    return f"{_boot()}/{_ticks(pid)}"


def at_work(pid: int, born: str) -> psutil.Process | None:
    """The process with this number and mark; None if it has ended, whether or not anybody waited for it."""
    try:
        process = psutil.Process(pid)
        return process if birth(pid) == born and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def age_seconds(pid: int) -> float:
    """How long ago a process was started; setting the clock does not change it on Linux.

    Raises:
        psutil.NoSuchProcess: if there is none.
    """
    if not sys.platform.startswith("linux"):
        return max(0.0, time.time() - psutil.Process(pid).create_time())
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - _ticks(pid) / os.sysconf("SC_CLK_TCK"))


def _ticks(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return int(told.rpartition(")")[2].split()[19])  # the name before it may hold anything


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # closed in some containers; ticks alone still tell processes of one boot apart
        return "this boot"
