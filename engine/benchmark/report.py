"""The benchmark as a table on the terminal and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.benchmark.measure import Measured


def print_benchmark(found: Measured, memory: dict[int, int]) -> None:
    """Print every row, and the peak memory of the scoring pass by number of pairs."""
    console = Console()
    rate = found.num_pairs / found.plain_seconds
    console.print(
        f"{found.num_pairs} pairs, batches of {found.batch_size}, {found.dtype}, {found.machine}. "
        f"Plain embedding pass: {found.plain_seconds:.2f} s ({rate:.0f} pairs per second)."
    )
    table = Table("pass over all pairs", "tier", "seconds", "× plain pass", "pairs per second", "")
    for row in found.rows:
        rate = f"{found.num_pairs / row.seconds:.0f}"
        table.add_row(row.what, row.tier, f"{row.seconds:.3f}", f"{row.ratio:.2f}", rate, row.note)
    console.print(table)
    for pairs, peak in memory.items():
        console.print(f"Peak memory of scoring {pairs} pairs, tier lora: {peak / 2**20:.0f} MiB.")


def as_json(found: Measured, memory: dict[int, int]) -> dict[str, Any]:
    """The same, for a file."""
    return {**dataclasses.asdict(found), "peak_memory_bytes": {str(pairs): peak for pairs, peak in memory.items()}}
