"""`ecif evaluate`."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import Progress

from engine.detection.options import DetectionOptions, FeaturesOptions, UsefulnessOptions
from engine.fidelity.options import FidelityOptions
from engine.options import field_options, given_options
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
    field_options(fidelity, FidelityOptions)
    fidelity.set_defaults(experiment=_fidelity)
    features = kinds.add_parser("features", help="write a folder of features for pairs that have no model")
    features.add_argument("pairs", help="table of image–caption pairs")
    features.add_argument("--out", required=True, help="the new folder, for --pairs FOLDER --model embeddings:FOLDER")
    field_options(features, FeaturesOptions)
    features.set_defaults(experiment=_features)
    detection = kinds.add_parser("detection", help="how well each signal finds wrong pairs: planted or recorded noise")
    detection.add_argument("run", help="run folder")
    field_options(detection, DetectionOptions)
    detection.set_defaults(experiment=_detection)
    usefulness = kinds.add_parser("usefulness", help="what cleaning the flagged pairs is worth, after training again")
    usefulness.add_argument("run", help="run folder")
    field_options(usefulness, UsefulnessOptions)
    usefulness.set_defaults(experiment=_usefulness)


def main(options: argparse.Namespace) -> None:
    """Do the chosen experiment."""
    options.experiment(options)


def _planted(options: argparse.Namespace) -> None:
    from engine.evaluate import print_planted
    from engine.sample import sample_folder

    truth = options.truth or sample_folder() / "ground_truth.csv"
    print_planted(RunFolder.open(options.run), truth)


def _fidelity(options: argparse.Namespace) -> None:
    chosen = FidelityOptions(**given_options(options, FidelityOptions))
    from engine.fidelity.experiment import run_fidelity
    from engine.fidelity.report import print_fidelity

    folder = run_fidelity(RunFolder.open(options.run), chosen, Console(stderr=True))
    print_fidelity(folder)
    print(folder)


def _features(options: argparse.Namespace) -> None:
    chosen = FeaturesOptions(**given_options(options, FeaturesOptions))
    from engine.detection.plain_features import write_plain_features

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Images", total=None)
        folder = write_plain_features(
            options.pairs, options.out, chosen, lambda done, of: bar.update(task, completed=done, total=of)
        )
    print(folder)


def _detection(options: argparse.Namespace) -> None:
    chosen = DetectionOptions(**given_options(options, DetectionOptions))
    from engine.detection.annotators import print_annotators
    from engine.detection.experiment import run_detection
    from engine.detection.report import print_detection

    folder = run_detection(RunFolder.open(options.run), chosen, console=Console(stderr=True))
    print_detection(folder)
    if chosen.annotators:
        print_annotators(folder)
    print(folder)


def _usefulness(options: argparse.Namespace) -> None:
    chosen = UsefulnessOptions(**given_options(options, UsefulnessOptions))
    from engine.detection.usefulness import run_usefulness
    from engine.detection.usefulness_report import print_usefulness

    folder = run_usefulness(RunFolder.open(options.run), chosen, console=Console(stderr=True))
    print_usefulness(folder)
    print(folder)
