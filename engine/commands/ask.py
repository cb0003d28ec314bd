"""`ecif ask`."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.out_file import check_out_file
from engine.runs import RunFolder, write_json

NAME = "ask"
HELP = "what the model says of a picture of your own, and the training pairs behind it"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("--image", metavar="FILE", required=True, help="the picture")
    parser.add_argument("--caption", metavar="TEXT", help="explain how this caption fits the picture")
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="explain the probability of this class; default, without a caption: of the class that the model names",
    )
    parser.add_argument("--top", type=int, default=10, help="pairs shown per side (default %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="write the answer to this .json as well")


def main(options: argparse.Namespace) -> None:
    """Ask and print."""
    folder = RunFolder.open(options.run)
    check_out_file("--out", options.out)
    from engine.asking.asker import ask
    from engine.asking.printed import print_answer

    answer = ask(folder, options.image, options.caption, options.label, options.top)
    print_answer(answer, folder.table("pairs", ["pair_id", "caption"]).set_index("pair_id")["caption"])
    if options.out:
        write_json(Path(options.out), answer.to_message())
