"""Hours, disk and memory of a job by pairs, model and tier, from the throughput that `ecif benchmark gpu` measured."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path

from engine.commands.benchmarks.setting_options import add_out_option, check_at_least
from engine.errors import ConfigError
from engine.runs import write_json

NAME = "sizing"
HELP = "hours, disk and memory by pairs, model and tier, from measured throughput"
ASSUMED = {
    "products": "curvature products of a solve (default: 10)",
    "curvature_pairs": "pairs that the curvature is built on (default: 8192)",
    "validation_pairs": "pairs of the query (default: 50000)",
    "table_bytes": "all tables of a run, per pair (default: 660)",
    "thumbnail_bytes": "a thumbnail (default: 1740, drawn pictures; photographs take more)",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("figures", metavar="FILE", help="what `ecif benchmark gpu --out FILE` wrote")
    parser.add_argument("--pairs", type=int, nargs="+", help="(default: a million, 100 and 400 million, 5 billion)")
    for name, text in ASSUMED.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=text)
    add_out_option(parser)


def main(options: argparse.Namespace) -> None:
    """Work it out, print, and write a file if one was asked for."""
    given = {name: getattr(options, name) for name in ASSUMED if getattr(options, name) is not None}
    check_at_least(1, **given)
    measured = _read(options.figures)
    from engine.benchmark.gpu_report import sizes_markdown
    from engine.benchmark.sizing import PAIRS, WORDS, Assumed, sizes

    assumed = Assumed(**given)
    found = sizes(measured, assumed, options.pairs or PAIRS)
    print(sizes_markdown(found, measured["device"]))
    chosen = ", ".join(f"{one.name.replace('_', ' ')} {getattr(assumed, one.name):,}" for one in fields(assumed))
    print(f"\nAssumed: {chosen}.\n\n{WORDS}")
    if options.out:
        write_json(Path(options.out), {"assumed": asdict(assumed), "sizes": [asdict(one) for one in found]})


def _read(file: str) -> dict:
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            "a .json that `ecif benchmark gpu --out` wrote", f"{file} ({error})", "Check the path."
        ) from error
    if not isinstance(found, dict) or not {"device", "models"} <= set(found):
        raise ConfigError("a .json that `ecif benchmark gpu --out` wrote", f"{file}, another", "Give that file.")
    return found
