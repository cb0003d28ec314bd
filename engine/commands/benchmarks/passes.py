"""Cost of each pass relative to one plain embedding pass of the same pairs in the same process."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from engine.commands.benchmarks.setting_options import add_setting_options, check_at_least, config_from
from engine.runs import write_json

NAME = "passes"
HELP = "cost of each pass relative to one plain embedding pass (what runs without a KIND)"
MEMORY_GROWS = (1, 4)
"""multiples of the pairs whose peak memory is compared"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_setting_options(parser)
    parser.add_argument("--queries", type=int, default=8, help="queries asked together (default %(default)s)")
    parser.add_argument("--tiers", nargs="+", default=["lora"], choices=("lora", "all"), help="(default: lora)")


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
    check_at_least(2, pairs=options.pairs, queries=options.queries)
    config = config_from(options)
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
