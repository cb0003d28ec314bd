"""How many products a device can do at best: what its maker says, and what one large product reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from engine.benchmark.clock import fastest_seconds

# Dense bf16 with float32 sums, TFLOP/s, from NVIDIA's data sheets and architecture papers. Where a data sheet prints
# the figure "with sparsity" it is halved here. The first name that stands as words in a device's own name counts.
DATA_SHEET: tuple[tuple[str, float], ...] = (
    ("B200", 2250.0),  # HGX B200: 36 PFLOP/s in eight with sparsity
    ("GH200", 989.4),  # GH200 data sheet, the GPU alone
    ("H200 NVL", 835.5),  # H200 data sheet, 1671 with sparsity
    ("H200", 989.4),  # H200 data sheet, SXM, 1979 with sparsity
    ("H100 NVL", 835.5),  # H100 data sheet, 1671 with sparsity
    ("H100 PCIe", 756.0),  # H100 data sheet, 1513 with sparsity
    ("H100", 989.4),  # H100 data sheet, SXM, 1979 with sparsity
    ("A100", 312.0),  # A100 data sheet
    ("A40", 149.7),  # A40 data sheet
    ("A30", 165.0),  # A30 data sheet
    ("A10G", 70.0),  # AWS's variant of the A10, no data sheet of its own: half of the A10's tensor rate
    ("A10", 125.0),  # A10 data sheet
    ("L40S", 362.0),  # L40S data sheet, 733 with sparsity
    ("L40", 181.0),  # L40 data sheet, 362 with sparsity
    ("L4", 121.0),  # L4 data sheet, 242 with sparsity
    ("RTX 6000 Ada", 364.2),  # RTX 6000 Ada data sheet, 728.5 with sparsity
    ("RTX A6000", 154.8),  # RTX A6000 data sheet, 309.7 with sparsity
    ("RTX 5090", 209.5),  # Blackwell RTX paper, float32 sums
    ("RTX 4090", 165.2),  # Ada paper, appendix A, float32 sums
    ("RTX 4080", 97.5),  # Ada paper, float32 sums
    ("RTX 3090", 71.0),  # Ampere GA102 paper, float32 sums
)
SIDES = {"cuda": 8192, "cpu": 1024, "mps": 4096}
"""of the square matrices that are multiplied, by kind of device"""


@dataclass(frozen=True)
class Peak:
    """What share of peak refers to, in TFLOP/s."""

    data_sheet_tflops: float | None
    """None for a device that the table does not know"""
    matmul_tflops: float
    """what one large product of square matrices in the same dtype reaches here"""

    @property
    def tflops(self) -> float:
        """The data sheet's figure, or the measured one where there is none."""
        return self.data_sheet_tflops or self.matmul_tflops

    @property
    def words(self) -> str:
        """A sentence on which it is."""
        measured = f"a large product of square matrices reaches {self.matmul_tflops:.3g} TFLOP/s here"
        if self.data_sheet_tflops is None:
            return f"No data sheet figure is known for this device: shares are of what {measured[2:]}."
        return f"Shares are of the data sheet's {self.data_sheet_tflops:g} TFLOP/s, dense bf16; {measured}."


def data_sheet_tflops(device_name: str, dtype: torch.dtype) -> float | None:
    """TFLOP/s of a device by its name; None for another, and for every dtype but bf16 and fp16."""
    if dtype not in (torch.bfloat16, torch.float16):
        return None
    return next((tflops for name, tflops in DATA_SHEET if re.search(rf"\b{name}\b", device_name, re.IGNORECASE)), None)


def matmul_tflops(device: torch.device, dtype: torch.dtype) -> float:
    """TFLOP/s of one large product of square matrices."""
    side = SIDES.get(device.type, SIDES["cpu"])
    left = torch.ones(side, side, device=device, dtype=dtype)
    seconds = fastest_seconds(lambda: left @ left, device, repeats=5)
    return 2 * side**3 / seconds / 1e12


def peak_of(device: torch.device, dtype: torch.dtype) -> Peak:
    """Both figures of a device."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return Peak(data_sheet_tflops(name, dtype), matmul_tflops(device, dtype))
