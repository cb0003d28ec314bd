"""`ecif benchmark`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from engine.config import RunConfig, help_of
from engine.errors import ConfigError
from engine.runs import write_json
from engine.sample import sample_folder

NAME = "benchmark"
HELP = "cost of each pass relative to one plain embedding pass"
MEMORY_GROWS = (1, 4)
"""multiples of the pairs whose peak memory is compared"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--model", help="model to measure (default: the sample's)")
    parser.add_argument("--adapter", help="LoRA adapter (default: a fresh one on attention and MLP layers)")
    parser.add_argument("--pairs", type=int, default=256, help="pairs of noise (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="pairs per batch (default %(default)s)")
    parser.add_argument("--chunk-size", type=int, default=256, help="pairs in memory at once (default %(default)s)")
    parser.add_argument("--queries", type=int, default=8, help="queries asked together (default %(default)s)")
    parser.add_argument("--tiers", nargs="+", default=["lora"], choices=("lora", "all"), help="(default: lora)")
    parser.add_argument("--device", default="auto", help=help_of("device"))
    parser.add_argument("--dtype", default="float32", help=help_of("dtype"))
    parser.add_argument("--out", metavar="FILE", help="write the figures to this .json as well")


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
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
    from engine.benchmark import as_json, peak_memory, print_benchmark, run_benchmark, setting
    from engine.study import device_of

    device, console = device_of(config), Console(stderr=True)
    given = setting(config, options.pairs, device)
    with console.status("") as status:
        found = run_benchmark(given, tuple(options.tiers), options.queries, lambda line: status.update(line))
        status.update("peak memory")
        memory = {grow * options.pairs: peak_memory(config, grow * options.pairs, device) for grow in MEMORY_GROWS}
    print_benchmark(found, memory)
    if options.out:
        write_json(Path(options.out), as_json(found, memory))
