"""`ecif estimate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.out_file import check_out_file
from engine.commands.run import configuration
from engine.config import RunConfig
from engine.errors import PairsError
from engine.options import field_options

NAME = "estimate"
HELP = "what a run would take: time and disk, measured on a few of its own pairs; starts nothing"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("config", nargs="?", help="a config.json that a run wrote")
    field_options(parser, RunConfig)
    parser.add_argument(
        "--checked", help="what `ecif check --json` wrote about the same pairs: they are not read again"
    )
    parser.add_argument("--json", help="write the estimate to this file")


def main(options: argparse.Namespace) -> None:
    """Print the estimate."""
    from engine.estimates import estimate, known_speed, measured_speed, to_json
    from engine.models import model_hash
    from engine.pairs import ReadOptions, check_pairs, read_check
    from engine.reports import print_estimate
    from engine.runs import list_runs, write_json

    config = configuration(options)
    check_out_file("--json", options.json)
    found = read_check(options.checked) if options.checked else check_pairs(config.pairs, ReadOptions.of(config))
    if not found.examples:
        raise PairsError("pairs that can be used", f"none in {config.pairs}", "Run `ecif check` on it to see why.")
    runs = list_runs(config.out)
    examples = [(place, image, caption) for place, (image, caption) in zip(found.places, found.examples, strict=True)]
    measured = measured_speed(config, examples)
    known = known_speed(runs, model_hash(config.model, config.adapter), config)
    expected = estimate(config, found.splits, found.seconds, known or measured, runs)
    if options.json:
        write_json(Path(options.json), to_json(expected))
    print_estimate(expected)
