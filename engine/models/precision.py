"""Reduced precision: the towers may run in half precision, everything after them is float32 or better."""

from __future__ import annotations

import contextlib

import torch

HALVES = (torch.bfloat16, torch.float16)


def weights_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of weights, features and scores: float32 where the towers run in half precision."""
    return torch.float32 if dtype in HALVES else dtype


def autocast(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """The context in which towers run: autocast for a half precision, nothing otherwise."""
    return torch.autocast(device.type, dtype) if dtype in HALVES else contextlib.nullcontext()
