"""What a device does with its time during a pass, in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from engine.benchmark.clock import wait_for

GROUPS: tuple[tuple[str, str], ...] = (
    ("attention", r"flash|fmha|attention|sdp"),
    ("matrix products", r"gemm|cutlass|cublas|xmma|nvjet|splitk|::mm|addmm|bmm|matmul|linear|mkldnn|conv"),
    ("normalising", r"layer_?norm"),
    ("softmax", r"softmax"),
    ("copies and casts", r"copy|memcpy|memset|::to\b|::cat|catarray|clone|contiguous|::index|gather|embedding"),
    ("sums", r"reduce|::sum|norm"),
    ("element by element", r"elementwise|vectorized|gelu|::add|::mul|::div|::sub|::sigmoid|::fill|::zero|::tanh"),
)
"""words for a group and what the names of its kernels hold; the first that fits counts"""
OTHER = "other"
TOP = 5


@dataclass(frozen=True)
class TimeSpent:
    """The breakdown of one pass."""

    groups: dict[str, float]
    """share of the device's busy time by group, largest first; they sum to 1"""
    top: dict[str, float]
    """the same by kernel (on a processor: operation), the few largest"""
    busy_seconds: float
    """in all kernels together"""


def where_time_goes(do: Callable[[], object], device: torch.device) -> TimeSpent:
    """Run a pass under torch's profiler, after one to warm up."""
    do()
    wait_for(device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as found:
        do()
        wait_for(device)
    seconds: dict[str, float] = {}
    for event in found.key_averages():
        if device.type == "cuda":
            # An operation repeats the time of the kernels it started, so that only kernels may be added up.
            spent = event.self_device_time_total if event.device_type == DeviceType.CUDA else 0
        else:
            spent = event.self_cpu_time_total
        if spent:
            seconds[event.key] = seconds.get(event.key, 0.0) + spent / 1e6
    return _shares(seconds)


def group_of(name: str) -> str:
    """The words for the group that a kernel belongs to."""
    return next((words for words, pattern in GROUPS if re.search(pattern, name.lower())), OTHER)


def _shares(seconds: dict[str, float]) -> TimeSpent:
    total = sum(seconds.values()) or 1.0
    groups: dict[str, float] = {}
    for name, spent in seconds.items():
        groups[group_of(name)] = groups.get(group_of(name), 0.0) + spent / total
    top = sorted(seconds, key=seconds.__getitem__, reverse=True)[:TOP]
    return TimeSpent(
        dict(sorted(groups.items(), key=lambda one: -one[1])), {name: seconds[name] / total for name in top}, total
    )
