"""`ecif whatif`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console

from engine.commands.decisions import decision_store, decisions_option
from engine.commands.out_file import check_out_file
from engine.errors import ConfigError
from engine.pairs.id_lists import read_pair_ids
from engine.runs import RunFolder, write_json

NAME = "whatif"
HELP = "the model without a set of pairs, predicted without retraining"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--drop", metavar="FILE", help="pair ids: a .csv with a pair_id column, or one per line")
    what.add_argument("--dropped", action="store_true", help="the pairs with the decision drop")
    parser.add_argument(
        "--iterations",
        type=int,
        default=10,
        help="iterations from the model as it is, on the objective without the pairs; 0 takes the closed form "
        "(default %(default)s)",
    )
    parser.add_argument(
        "--retrain", action="store_true", help="verify the prediction: train without the pairs and show both"
    )
    parser.add_argument(
        "--save", metavar="FOLDER", help="write the edited model here: an adapter for the tier lora, else a model"
    )
    parser.add_argument("--out", metavar="FILE", help="write the outcome to this .json as well")
    parser.add_argument(
        "--query", metavar="ID", action="append", default=[],
        help="a prediction that --out reports even if it is right before and after; wrong ones always are",
    )  # fmt: skip
    decisions_option(parser)


def main(options: argparse.Namespace) -> None:
    """Predict, save and verify, as asked."""
    folder = RunFolder.open(options.run)
    _check_places(options, folder)
    if options.query:
        queries = folder.table("queries", ["query_id", "kind"])
        absent = set(options.query).difference(queries.loc[queries["kind"] != "validation", "query_id"])
        if absent:
            raise ConfigError("the query id of a prediction", repr(min(absent)), "List them with `ecif trace RUN`.")
    if options.dropped:
        decided = decision_store(options, folder).current()
        pair_ids = decided.loc[decided["verdict"] == "drop", "pair_id"].tolist()
    else:
        pair_ids = read_pair_ids(options.drop)
    from engine.study import load_study
    from engine.what_if import print_truth, print_what_if, retrained, save_edited, summary, what_if

    study = load_study(folder)
    found, truth = what_if(study, pair_ids, options.iterations), None
    print_what_if(found)
    if options.save:
        save_edited(found, Path(options.save))
        print(f"The edited weights are in {options.save}.")
    if options.retrain:
        truth = retrained(study, pair_ids, Console(stderr=True))
        print_truth(found, truth)
    if options.out:
        write_json(Path(options.out), summary(found, truth, tuple(options.query)))


def _check_places(options: argparse.Namespace, folder: RunFolder) -> None:
    """Refuse, before anything is computed, what could not be written after it."""
    for place in (options.save, f"{options.save}.part") if options.save else ():
        if os.path.lexists(place):
            raise ConfigError("a new folder for --save", f"{place}, which exists", "Name another one.")
    if options.save and folder.config.tier == "lora" and folder.config.log_logit_scale:
        raise ConfigError(
            "a run without --log-logit-scale",
            "a studied temperature",
            "Use a run without it: an adapter cannot hold the temperature.",
        )
    check_out_file("--out", options.out)
