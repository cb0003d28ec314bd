"""`ecif run`."""

from __future__ import annotations

import argparse
import dataclasses

from rich.console import Console

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.options import field_options, given_options

NAME = "run"
HELP = "score every pair; resumes where it stopped; prints the run folder"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("config", nargs="?", help="a config.json that a run wrote, to replay it")
    field_options(parser, RunConfig)


def main(options: argparse.Namespace) -> None:
    """Do or continue a run, print a summary, and the folder on standard output."""
    config = configuration(options)
    from engine.pipeline import run
    from engine.reports import print_run

    folder = run(config, Console(stderr=True))
    print_run(folder)
    print(folder.path)


def configuration(options: argparse.Namespace) -> RunConfig:
    """The run that the options, or a config.json with options over it, describe.

    Raises:
        ConfigError: if pairs or model are missing, or a value is out of range.
    """
    given = given_options(options, RunConfig)
    if options.config:
        return dataclasses.replace(RunConfig.load(options.config), **given)
    missing = [f"--{name}" for name in ("pairs", "model") if name not in given]
    if missing:
        raise ConfigError(
            "--pairs and --model (or a config.json)", f"no {' and no '.join(missing)}", "See `ecif run --help`."
        )
    return RunConfig(**given)
