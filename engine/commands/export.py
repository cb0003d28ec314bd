"""`ecif export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.decisions import decision_store, decisions_option
from engine.runs import RunFolder

NAME = "export"
HELP = "write the decisions of a run to a file"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("--format", default="csv", help="csv")
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument("--which", default="decided", choices=("decided", "all", "relabel", "drop"))
    decisions_option(parser)


def main(options: argparse.Namespace) -> None:
    """Write the file and print how many rows."""
    from engine.review.exports import write_export

    folder = RunFolder.open(options.run)
    store = decision_store(options, folder)
    rows = write_export(folder, store, options.format, Path(options.out), options.which)
    print(f"{rows} rows written to {options.out}")
