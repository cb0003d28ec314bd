"""`ecif evaluate`."""

from __future__ import annotations

import argparse
import dataclasses

from rich.console import Console

from engine.fidelity.options import FidelityOptions
from engine.runs import RunFolder

NAME = "evaluate"
HELP = "measure a run against a known truth"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    kinds = parser.add_subparsers(required=True, metavar="EXPERIMENT")
    planted = kinds.add_parser("planted", help="detection and trace-back against planted errors")
    planted.add_argument("run", help="run folder of the data set with the planted errors")
    planted.add_argument("--truth", help="ground_truth.csv (default: the sample data's)")
    planted.set_defaults(experiment=_planted)
    fidelity = kinds.add_parser("fidelity", help="predicted against retrained change of the validation loss")
    fidelity.add_argument("run", help="run folder")
    for field in dataclasses.fields(FidelityOptions):
        kind = float if isinstance(field.default, float) else int
        help_text = f"{field.metadata['help']} (default {'all' if field.default is None else field.default})"
        fidelity.add_argument("--" + field.name.replace("_", "-"), type=kind, default=field.default, help=help_text)
    fidelity.set_defaults(experiment=_fidelity)


def main(options: argparse.Namespace) -> None:
    """Do the chosen experiment."""
    options.experiment(options)


def _planted(options: argparse.Namespace) -> None:
    from engine.evaluate import print_planted
    from engine.sample import sample_folder

    truth = options.truth or sample_folder() / "ground_truth.csv"
    print_planted(RunFolder.open(options.run), truth)


def _fidelity(options: argparse.Namespace) -> None:
    names = [field.name for field in dataclasses.fields(FidelityOptions)]
    chosen = FidelityOptions(**{name: getattr(options, name) for name in names})
    from engine.fidelity.experiment import run_fidelity
    from engine.fidelity.report import print_fidelity

    folder = run_fidelity(RunFolder.open(options.run), chosen, Console(stderr=True))
    print_fidelity(folder)
    print(folder)
