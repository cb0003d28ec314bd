"""Copying prepared inputs to where a model runs."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(part: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """`part` on `device` in `dtype` (its own if None); on NVIDIA GPUs from locked memory, while the GPU works on."""
    if device.type != "cuda":
        return part.to(device, dtype)
    return part.pin_memory().to(device, dtype, non_blocking=True)
