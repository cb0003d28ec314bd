"""`ecif doctor`: versions, devices, and what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil

from rich.console import Console
from rich.table import Table

import engine
from engine.errors import EcifError
from engine.sample import sample_folder

PACKAGES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "transformers",
    "peft",
    "safetensors",
    "streamlit",
    "pandas",
    "pyarrow",
    "plotly",
    "pillow",
    "sqlalchemy",
)


def print_doctor() -> int:
    """Print the report; 1 if something needed is missing."""
    table, missing = Table("what", "found", title=f"ecif {engine.__version__}"), []
    table.add_row("python", platform.python_version())
    table.add_row("system", platform.platform())
    for name in PACKAGES:
        try:
            table.add_row(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            table.add_row(name, "[red]missing[/]: pip install ecif-dashboard again")
    table.add_row("devices", "cpu" if "torch" in missing else _devices())
    try:
        table.add_row("sample data", str(sample_folder()))
    except EcifError as error:
        missing.append("sample data")
        table.add_row("sample data", f"[red]missing[/]: {error.fix}")
    table.add_row("free disk here", f"{shutil.disk_usage('.').free / 2**30:.1f} GiB")
    Console().print(table)
    return 1 if missing else 0


def _devices() -> str:
    import torch

    found = [f"cpu ({torch.get_num_threads()} threads)"]
    found += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return ", ".join(found)
