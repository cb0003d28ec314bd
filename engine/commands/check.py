"""`ecif check`."""

from __future__ import annotations

import argparse

from engine.commands.out_file import check_out_file
from engine.config import RunConfig, help_of

NAME = "check"
HELP = "validate a data set: what is readable, what is not and why"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("pairs", help=help_of("pairs"))
    parser.add_argument("--images", help=help_of("images"))
    parser.add_argument(
        "--caption-template",
        default=RunConfig.caption_template,
        help=f"{help_of('caption_template')} (default {RunConfig.caption_template})",
    )
    parser.add_argument("--rejects", help="write the rejected rows to this .csv")
    parser.add_argument(
        "--json", help="write what was understood to this file, and meanwhile how far it is to FILE.progress"
    )


def main(options: argparse.Namespace) -> int:
    """Print what was understood; 1 if nothing can be used."""
    from engine.check_report import print_check
    from engine.pairs import ReadOptions

    check_out_file("--rejects", options.rejects)
    check_out_file("--json", options.json)
    return print_check(options.pairs, ReadOptions.of(options), options.rejects, options.json)
