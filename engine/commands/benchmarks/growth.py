"""Time per pair and query as pairs, pairs per batch, and queries grow: what is flat grows with nothing."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engine.commands.benchmarks.setting_options import add_setting_options, check_at_least, config_from
from engine.runs import write_json

NAME = "growth"
HELP = "time per pair as pairs, batch and queries grow"
TIERS = ("heads", "lora", "all")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_setting_options(parser)
    parser.add_argument("--tiers", nargs="+", default=["heads", "lora"], choices=TIERS, help="(default: heads lora)")


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
    check_at_least(2, pairs=options.pairs, batch_size=options.batch_size)
    config = config_from(options)
    from engine.benchmark.growth import measure_growth
    from engine.study import device_of

    with Console(stderr=True).status("") as status:
        found = measure_growth(config, options.pairs, tuple(options.tiers), device_of(config), status.update)
    table = Table("tier", "grows", "pairs", "batch", "queries", "µs per pair and query", "× the smallest")
    for one in found:
        numbers = (str(one.num_pairs), str(one.batch_size), str(one.num_queries))
        table.add_row(one.tier, one.grows, *numbers, f"{one.microseconds:.1f}", f"{one.ratio:.2f}")
    Console().print(table)
    if options.out:
        write_json(Path(options.out), {"growth": [asdict(one) for one in found]})
