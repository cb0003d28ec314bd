"""A whole run on given features, from ten thousand pairs to as many as asked for, each in a process of its own."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engine.commands.benchmarks.setting_options import check_at_least
from engine.runs import write_json

NAME = "scale"
HELP = "time per pair and memory of whole runs as pairs grow"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000], help="pairs (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="dimensions of the features (default %(default)s)")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that a run may take (default %(default)s)")
    parser.add_argument("--folder", default="ecif_scale", help="for features, runs and results (default %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="write the figures to this .json as well")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="after --: further options of `ecif run`")


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
    check_at_least(1000, sizes=min(options.sizes))
    check_at_least(2, width=options.width)
    from engine.benchmark.scale import as_table, measure_scale

    with Console(stderr=True).status("") as status:
        found = measure_scale(
            options.sizes, Path(options.folder), status.update, options.width, options.options,
            int(options.memory * 2**30),
        )  # fmt: skip
    rows = as_table(found)
    table = Table("step", *rows.columns)
    for name, row in rows.iterrows():
        table.add_row(str(name), *("" if value != value else f"{value:.3g}" for value in row))
    Console().print(table)
    for one in found:
        Console().print(
            f"{one.num_pairs:,} pairs: planted wrong pairs are found with an AUROC of {one.suspicion_auroc:.3f}."
        )
    if options.out:
        write_json(Path(options.out), {"scale": [asdict(one) for one in found]})
