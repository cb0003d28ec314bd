"""`ecif demo`."""

from __future__ import annotations

import argparse

from rich.console import Console

from engine.commands.serving import DEFAULT_RUNS, serve, serving_options

NAME = "demo"
HELP = "sample data → run → dashboard, everything offline"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    serving_options(parser)
    parser.add_argument("--out", default=DEFAULT_RUNS, help="folder that holds the runs (default %(default)s)")


def main(options: argparse.Namespace) -> int:
    """Score the sample data and open the dashboard on it."""
    from engine.pipeline import run
    from engine.reports import print_run
    from engine.sample import demo_config

    config = demo_config(options.out)
    print_run(run(config, Console(stderr=True)))
    return serve(options, config.out)
