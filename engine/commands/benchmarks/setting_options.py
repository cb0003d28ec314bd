"""Options of every benchmark that makes a model and pairs of noise."""

from __future__ import annotations

import argparse

from engine.config import RunConfig, help_of
from engine.errors import ConfigError
from engine.sample import sample_folder

SAMPLE = "sample"
"""the sample's model, where a model is asked for"""


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """Model, adapter and sizes."""
    parser.add_argument("--model", default=SAMPLE, help="model to measure (default: the sample's)")
    parser.add_argument("--adapter", help="LoRA adapter (default: a fresh one on attention and MLP layers)")
    parser.add_argument("--pairs", type=int, default=256, help="pairs of noise (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="pairs per batch (default %(default)s)")
    parser.add_argument("--chunk-size", type=int, default=256, help="pairs in memory at once (default %(default)s)")
    parser.add_argument("--device", default="auto", help=help_of("device"))
    parser.add_argument("--dtype", default="float32", help=help_of("dtype"))
    add_out_option(parser)


def add_out_option(parser: argparse.ArgumentParser) -> None:
    """Where the figures go besides the terminal."""
    parser.add_argument("--out", metavar="FILE", help="write the figures to this .json as well")


def config_from(options: argparse.Namespace) -> RunConfig:
    """The configuration that a benchmark's setting is made from."""
    return RunConfig(
        pairs="noise",
        model=model_from(options.model),
        adapter=options.adapter,
        batch_size=min(options.batch_size, options.pairs),
        chunk_size=options.chunk_size,
        device=options.device,
        dtype=options.dtype,
    )


def model_from(name: str) -> str:
    """A model as `--model` takes it; `sample` is the sample's."""
    return f"hf:{sample_folder() / 'model'}" if name == SAMPLE else name


def check_at_least(least: int, **numbers: int) -> None:
    """Refuse options that are too small.

    Raises:
        ConfigError: at the first of them.
    """
    for name, number in numbers.items():
        if number < least:
            raise ConfigError(f"--{name.replace('_', '-')} to be at least {least}", str(number), "Change it.")
