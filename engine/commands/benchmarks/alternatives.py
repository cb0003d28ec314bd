"""Scores of the same pairs by this project and by what a user would pick instead, beside brute force.

The job: how does the loss of validation pairs change when a training pair is taken out, over the two projections of the
sample's model, with the pairs compared in batches. Libraries that are not installed are named; to install them, in an
environment of their own: pip install -e '.[alternatives]'.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from engine.commands.benchmarks.setting_options import add_out_option, check_at_least
from engine.config import RunConfig, help_of
from engine.runs import write_json

NAME = "alternatives"
HELP = "this project beside kronfluence, dattri, TRAK, DataInf's formula and autograd, on the same pairs"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--pairs", type=int, default=64, help="training pairs of the sample (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs per batch (default %(default)s)")
    parser.add_argument("--dtype", default="float64", help=f"{help_of('dtype')} (default %(default)s)")
    parser.add_argument("--device", default="auto", help=help_of("device"))
    parser.add_argument("--repeats", type=int, default=1, help="runs of each, the fastest counts (default 1)")
    parser.add_argument("--without", nargs="+", default=[], metavar="WORD", help="leave out names that hold a word")
    add_out_option(parser)


def main(options: argparse.Namespace) -> None:
    """Compare, print, and write a file if one was asked for."""
    check_at_least(2, pairs=options.pairs, batch_size=options.batch_size)
    check_at_least(1, repeats=options.repeats)
    config = RunConfig("sample", "sample", device=options.device, dtype=options.dtype)
    from engine.benchmark.alternatives import ALTERNATIVES
    from engine.benchmark.alternatives.compare import compare
    from engine.benchmark.alternatives.job import sample_job
    from engine.benchmark.clock import machine_name
    from engine.study import device_of

    device = device_of(config)
    job = sample_job(options.pairs, min(options.batch_size, options.pairs), options.dtype, device)
    chosen = [one for one in ALTERNATIVES if not any(word in one.name for word in options.without)]
    with Console(stderr=True).status("") as status:
        found = compare(job, chosen, options.repeats, status.update)
    sizes = f"{options.pairs} pairs in batches of {options.batch_size}, {options.dtype}"
    print(f"{machine_name(device)}: {sizes}.\n")
    print("| way | curvature | seconds | memory | cosine | Spearman | Spearman, H = I | what it computes |")
    print("|---|---|---:|---:|---:|---:|---:|---|")
    for one in found:
        if one.why_not is not None:
            print(f"| {one.name} | {one.curvature} | – | – | – | – | – | {one.how}. Did not run: {one.why_not} |")
            continue
        agreement = " | ".join(
            "–" if math.isnan(x) else f"{x:.3f}" for x in (one.cosine, one.spearman, one.spearman_identity)
        )
        memory = f"{one.memory_bytes / 1e6:.0f} MB"
        print(f"| {one.name} | {one.curvature} | {one.seconds:.2f} | {memory} | {agreement} | {one.how} |")
    if options.out:
        figures = [{k: _plain(v) for k, v in asdict(one).items()} for one in found]
        write_json(Path(options.out), {"pairs": options.pairs, "batch_size": options.batch_size, "found": figures})


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: object) -> object:
    """JSON has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value
