"""`ecif benchmark`: a small family, one file each in `engine.commands.benchmarks`."""

from __future__ import annotations

import argparse

from engine.commands.benchmarks import BENCHMARKS, passes

NAME = "benchmark"
HELP = "what this machine can do: cost of passes, growth, throughput, sizes, other libraries"


def add_options(parser: argparse.ArgumentParser) -> None:
    """One command below for each benchmark; without one, `passes` as it stands."""
    parser.epilog = (
        f"Without a kind: {passes.NAME} with its defaults. `ecif benchmark KIND --help` lists the options of each. "
        "Latency of the dashboard is measured from a checkout: python tests/browser/latency.py --help."
    )
    kinds = parser.add_subparsers(metavar="KIND")
    for benchmark in BENCHMARKS:
        one = kinds.add_parser(benchmark.NAME, help=benchmark.HELP, description=benchmark.__doc__)
        benchmark.add_options(one)
        one.set_defaults(benchmark=benchmark)
        if benchmark is passes:
            parser.set_defaults(**vars(one.parse_args([])))


def main(options: argparse.Namespace) -> None:
    """Run the one that was asked for."""
    options.benchmark.main(options)
