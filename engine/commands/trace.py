"""`ecif trace`."""

from __future__ import annotations

import argparse

from engine.errors import ConfigError
from engine.runs import RunFolder

NAME = "trace"
HELP = "the training pairs behind one test prediction"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("--query", help="query id; without it, the wrong predictions are listed")
    parser.add_argument("--top", type=int, default=10, help="pairs shown per side (default %(default)s)")


def main(options: argparse.Namespace) -> None:
    """Print the culprits of a prediction, or the wrong predictions."""
    from engine.reports import print_trace, print_wrong_predictions

    if options.top < 1:
        raise ConfigError("--top to be at least 1", str(options.top), "Change it.")
    folder = RunFolder.open(options.run)
    if options.query:
        print_trace(folder, options.query, options.top)
    else:
        print_wrong_predictions(folder)
