"""`ecif import`."""

from __future__ import annotations

import argparse
import getpass

from engine.commands.decisions import decision_store, decisions_option
from engine.commands.out_file import check_out_file
from engine.errors import ConfigError
from engine.runs import RunFolder

NAME = "import"
HELP = "bring in decisions that were made elsewhere"
SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("file", help="an export of ours, another table with pair_id and verdict, Label Studio's JSON")
    parser.add_argument("--annotator", help="who decided where the file does not say (default: this account's name)")
    parser.add_argument("--rejects", help="write the rows that cannot be used to this .csv")
    decisions_option(parser)


def main(options: argparse.Namespace) -> int:
    """Print what became of the rows; 1 if none could be used although there were some."""
    from engine.review.imports import import_decisions, write_rejects

    folder = RunFolder.open(options.run)
    check_out_file("--rejects", options.rejects)
    annotator = options.annotator or _account_name()
    found = import_decisions(folder, decision_store(options, folder), options.file, annotator)
    print(
        f"{found.new} decisions imported, {found.known} known already, {found.undecided} rows without a verdict, "
        f"{len(found.rejects)} that cannot be used"
    )
    for row in found.rejects.head(SHOWN).itertuples():
        print(f"row {row.row}, pair {row.pair_id!a}: {row.reason}")
    if len(found.rejects) > SHOWN and not options.rejects:
        print(f"… and {len(found.rejects) - SHOWN} more: --rejects FILE.csv writes them all")
    if options.rejects:
        write_rejects(found.rejects, options.rejects)
    return int(len(found.rejects) > 0 and not found.new and not found.known)


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise ConfigError("an account with a name", "one without", "Say who decided with --annotator.") from error
