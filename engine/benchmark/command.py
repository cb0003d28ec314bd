"""`ecif benchmark`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from engine.benchmark.measure import run_benchmark
from engine.benchmark.memory import peak_memory
from engine.benchmark.report import as_json, print_benchmark
from engine.benchmark.setting import setting
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.runs import write_json
from engine.sample import sample_folder
from engine.study import device_of

MEMORY_GROWS = (1, 4)
"""multiples of the pairs whose peak memory is compared"""


def benchmark(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for.

    Raises:
        ConfigError: if an option is out of range.
        ModelError: if the model cannot be read.
    """
    for name in ("pairs", "queries"):
        if getattr(options, name) < 2:
            raise ConfigError(f"--{name} to be at least 2", str(getattr(options, name)), "Change it.")
    config = RunConfig(
        pairs="noise",
        model=options.model or f"hf:{sample_folder() / 'model'}",
        adapter=options.adapter,
        batch_size=min(options.batch_size, options.pairs),
        chunk_size=options.chunk_size,
        device=options.device,
        dtype=options.dtype,
    )
    device, console = device_of(config), Console(stderr=True)
    given = setting(config, options.pairs, device)
    with console.status("") as status:
        found = run_benchmark(given, tuple(options.tiers), options.queries, lambda line: status.update(line))
        status.update("peak memory")
        memory = {grow * options.pairs: peak_memory(config, grow * options.pairs, device) for grow in MEMORY_GROWS}
    print_benchmark(found, memory)
    if options.out:
        write_json(Path(options.out), as_json(found, memory))
