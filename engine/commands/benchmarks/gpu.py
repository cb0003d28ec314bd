"""Throughput of every pass, share of the device's peak, memory, and where the time goes: one command for any device.

Weights are random where a model names none, which is fine for speed, and nothing is downloaded. What it prints is
Markdown, ready for a README; `ecif benchmark sizing` makes hours, disk and memory of what --out keeps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from engine.commands.benchmarks.setting_options import add_out_option, check_at_least, model_from
from engine.config import RunConfig, help_of
from engine.runs import write_json

NAME = "gpu"
HELP = "throughput, share of peak, memory and where time goes, on any NVIDIA GPU (in small: --device cpu)"
TIERS = ("heads", "lora", "all")
MODELS = ("open_clip:ViT-B-32", "open_clip:ViT-L-14")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--models",
        nargs="+",
        default=list(MODELS),
        help="as --model of a run takes them, or sample (default: %(default)s)",
    )
    parser.add_argument("--tiers", nargs="+", default=list(TIERS), choices=TIERS, help="(default: all three)")
    parser.add_argument("--pairs", type=int, default=4096, help="pairs of noise (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=1024, help="pairs per batch (default %(default)s)")
    parser.add_argument("--chunk-size", type=int, default=256, help="pairs in memory at once (default %(default)s)")
    parser.add_argument("--device", default="cuda", help=help_of("device"))
    parser.add_argument("--dtype", default="bfloat16", help=help_of("dtype"))
    add_out_option(parser)


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
    check_at_least(2, pairs=options.pairs, batch_size=options.batch_size)
    models = [model_from(one) for one in options.models]
    config = RunConfig(
        pairs="noise",
        model=models[0],
        batch_size=min(options.batch_size, options.pairs),
        chunk_size=options.chunk_size,
        device=options.device,
        dtype=options.dtype,
    )
    from engine.benchmark.gpu_report import throughput_markdown
    from engine.benchmark.throughput import measure_throughput
    from engine.study import device_of

    device = device_of(config)
    with Console(stderr=True).status("") as status:
        found = measure_throughput(models, options.tiers, config, options.pairs, device, status.update)
    print(throughput_markdown(found))
    if options.out:
        write_json(Path(options.out), found.as_json())
