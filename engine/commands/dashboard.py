"""`ecif dashboard`."""

from __future__ import annotations

import argparse

from engine.commands.serving import DEFAULT_RUNS, serve, serving_options

NAME = "dashboard"
HELP = "open the dashboard"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("runs", nargs="?", default=DEFAULT_RUNS, help="folder of runs (default %(default)s)")
    serving_options(parser)


def main(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    return serve(options, options.runs)
