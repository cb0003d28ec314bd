"""`ecif export`."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from engine.commands.decisions import decision_store, decisions_option
from engine.runs import RunFolder

NAME = "export"
HELP = "write the decisions of a run, or the data set after them, for other tools"
WHICH = ("decided", "undecided", "all", "clean", "keep", "drop", "relabel", "unsure")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command; the formats are described below them."""

    def formatter(prog: str) -> argparse.HelpFormatter:
        parser.epilog = _formats_in_words()  # only when help is asked for: the formats take time to load
        return argparse.RawDescriptionHelpFormatter(prog)

    parser.formatter_class = formatter
    parser.add_argument("run", help="run folder")
    parser.add_argument("--format", default="csv", help="one of those below (default %(default)s)")
    parser.add_argument("--out", required=True, help="file to write; a new folder for formats of several files")
    parser.add_argument("--which", choices=WHICH, help="which pairs (default: the first that the format names)")
    parser.add_argument(
        "--image-root",
        help="label-studio: what stands before each image's path in the data set, an address such as "
        "https://host/images/ (default /data/local-files/?d=, Label Studio's own for local files)",
    )
    decisions_option(parser)


def main(options: argparse.Namespace) -> None:
    """Write the export; print how many pairs, what to know about it and where to use it."""
    from engine.review.exports import EXPORTS, IMAGE_ROOT, write_export

    folder = RunFolder.open(options.run)
    store = decision_store(options, folder)
    root = IMAGE_ROOT if options.image_root is None else options.image_root
    written = write_export(folder, store, options.format, Path(options.out), options.which, root)
    print(f"{written.rows:,} {'row' if written.rows == 1 else 'rows'} written to {options.out}")
    for sentence in (*written.notes, EXPORTS[options.format].words.next):
        print(sentence)


def _formats_in_words() -> str:
    from engine.review.exports import EXPORTS
    from engine.review.exports import WHICH as MEANINGS

    lines = ["formats:"]
    for name, exporter in EXPORTS.items():
        lines.append(f"  {name}")
        sentences = f"{exporter.words.what} {exporter.words.others} --which: {', '.join(exporter.which)}."
        lines += textwrap.wrap(sentences, 100, initial_indent="      ", subsequent_indent="      ")
    lines += ["", "which pairs:", *(f"  {name:<10} {meaning}" for name, meaning in MEANINGS.items())]
    return "\n".join([*lines, "", "Of several decisions on one pair the latest counts, whoever made it."])
