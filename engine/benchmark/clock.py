"""Time and memory of a piece of work, on whatever device it runs."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

REPEATS = 3
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def fastest_seconds(do: Callable[[], object], device: torch.device, repeats: int = REPEATS) -> float:
    """Seconds of the fastest of a few calls, after one to warm up: what others do on the machine only adds."""
    do()
    return min(seconds_of(do, device) for _ in range(repeats))


def seconds_of(do: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call; of processor time where a single thread works, which nobody else on the machine changes."""
    is_alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if is_alone else time.perf_counter
    wait_for(device)
    started = clock()
    do()
    wait_for(device)
    return clock() - started


def wait_for(device: torch.device) -> None:
    """Until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine_name(device: torch.device) -> str:
    """The accelerator, or the processor and its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def forget_peak(device: torch.device) -> None:
    """Let `peak_bytes` begin anew; on a processor only Linux can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR.exists():
        CLEAR.write_text("5")


def peak_bytes(device: torch.device) -> int:
    """Most memory in use since `forget_peak`, bytes: allocated on the accelerator, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if STATUS.exists():
        line = next(one for one in STATUS.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kibibytes, but for macOS
