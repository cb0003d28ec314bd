"""`ecif finetune`."""

from __future__ import annotations

import argparse
import dataclasses

from rich.console import Console
from rich.table import Table

from engine.errors import ConfigError
from engine.finetune.recipe import Recipe
from engine.finetune.record import TrainingFolder
from engine.options import field_options, given_options
from engine.pairs.id_lists import read_pair_ids

NAME = "finetune"
HELP = "train heads, an adapter or all weights; keeps its batches"


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option per field of Recipe, and those of a retraining."""
    parser.add_argument("--again", metavar="FOLDER", help="repeat this training: same start, same order")
    parser.add_argument(
        "--without", metavar="FILE", help="with --again: pair ids to leave out, a .csv with pair_id or one per line"
    )
    field_options(parser, Recipe)


def main(options: argparse.Namespace) -> None:
    """Train or retrain, print the losses, and the folder on standard output."""
    given, console = given_options(options, Recipe), Console(stderr=True)
    if bool(options.again) != bool(options.without):
        raise ConfigError("--again FOLDER and --without FILE", "one of them", "Give both, or none.")
    needed = (
        ["out"] if options.again else [f.name for f in dataclasses.fields(Recipe) if f.default is dataclasses.MISSING]
    )
    missing = [f"--{name}" for name in needed if name not in given]
    if missing:
        raise ConfigError(
            f"--{' and --'.join(needed)}", f"no {' and no '.join(missing)}", "See `ecif finetune --help`."
        )
    if not options.again:
        recipe = Recipe(**given)
        from engine.finetune.job import finetune

        folder = finetune(recipe, console)
    else:
        if set(given) != {"out"}:
            raise ConfigError(
                "--again with --without and --out only",
                f"--{sorted(set(given) - {'out'})[0]}",
                "Leave it out: the rest is recorded.",
            )
        from engine.finetune.job import retrain_without

        folder = retrain_without(options.again, read_pair_ids(options.without), given["out"], console)
    print_training(folder, console)
    print(folder.path)


def print_training(folder: TrainingFolder, console: Console) -> None:
    """The losses of a finished training, epoch by epoch."""
    record = folder.record
    counts, epochs = record["counts"], record["epochs"]
    table = Table("epoch", "training loss", "validation loss", "seconds", title="Losses in nats per pair")
    table.add_row("start", "", f"{record['validation_loss_before']:.4f}", "")
    for one in epochs:
        losses = (f"{one[name]:.4f}" for name in ("train_loss", "validation_loss"))
        table.add_row(str(one["epoch"]), *losses, f"{one['seconds']:.2f}")
    console.print(table)
    without = f" ({counts['left_out']} left out)" if counts["left_out"] else ""
    console.print(
        f"{record['num_parameters']} parameters on {counts['train']} training pairs{without}; "
        f"{record['steps']} steps in {record['seconds']:.1f} s; ‖∇J‖ = {record['gradient_norm']:.2e} at the end, "
        f"over the batches of the last {record['gradient_epochs']} epochs."
    )
    for note in record["notes"]:
        console.print(f"Note: {note}", markup=False)
