"""`ecif trace`."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.out_file import check_out_file
from engine.errors import ConfigError
from engine.runs import RunFolder, write_table

NAME = "trace"
HELP = "the training pairs behind one test prediction"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("--query", help="query id; without it, the wrong predictions are listed")
    parser.add_argument("--out", metavar="FILE", help="write the pairs behind --query to this .parquet as well")
    parser.add_argument("--top", type=int, default=10, help="pairs shown per side (default %(default)s)")


def main(options: argparse.Namespace) -> None:
    """Print the culprits of a prediction, or the wrong predictions."""
    from engine.reports import print_trace, print_wrong_predictions

    if options.top < 1:
        raise ConfigError("--top to be at least 1", str(options.top), "Change it.")
    folder = RunFolder.open(options.run)
    if options.out and not options.query:
        raise ConfigError("--query with --out", "no --query", "Name a prediction; without --out they are listed.")
    check_out_file("--out", options.out)
    if options.query:
        traces = print_trace(folder, options.query, options.top)
        if options.out:
            write_table(Path(options.out), traces)
    else:
        print_wrong_predictions(folder)
