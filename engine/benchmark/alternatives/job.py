"""The job, made of the sample: its model, its real pairs with their planted errors, in batches."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import torch

from engine.batches import BatchSegmentation, consecutive_batches
from engine.benchmark.alternatives.interface import Job
from engine.benchmark.setting import HeldInputs, Setting
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.models import load_model
from engine.pairs import open_picture
from engine.sample import sample_folder

NUM_VALIDATION = 32
DAMPING = 0.1
"""of every curvature, as a multiple of its mean eigenvalue: what kronfluence takes unless told otherwise"""


def sample_job(num_pairs: int, batch_size: int, dtype: str, device: torch.device) -> Job:
    """Training pairs of the sample drawn at random, and validation pairs as one batch of the query.

    Args:
        num_pairs: training pairs.
        batch_size: pairs per batch.
        dtype: of everything.
        device: where.

    Raises:
        ConfigError: if the sample has not so many.
    """
    folder = sample_folder()
    spec = f"hf:{folder / 'model'}"
    chosen = _drawn(folder / "pairs.csv", {"train": num_pairs, "validation": NUM_VALIDATION})
    encoder = load_model(spec, device, getattr(torch, dtype))
    names = tuple(name for name in encoder.weights_of(encoder.heads) if name != "logit_scale")
    pixels = encoder.prepare_images([open_picture(str(folder), one["image"]) for one in chosen])
    # A causal tower that reads the end token never looks at what is padded behind it; masks do not go through vmap.
    tokens = {"input_ids": encoder.prepare_texts([one["caption"] for one in chosen])[0]["input_ids"]}
    config = RunConfig(
        pairs=str(folder / "pairs.csv"),
        model=spec,
        tier="|".join(f"^{re.escape(name)}$" for name in names),
        batch_size=batch_size,
        dtype=dtype,
        relative_damping=DAMPING,
    )
    segmentation = BatchSegmentation(tuple(consecutive_batches(num_pairs, batch_size)), num_pairs)
    setting = Setting(config, encoder, HeldInputs(encoder, pixels, tokens), segmentation)
    encoders = {torch.float32: load_model(spec, device, torch.float32), pixels.dtype: encoder}
    return Job(setting, NUM_VALIDATION, names, encoders)


def _drawn(table: Path, wanted: dict[str, int]) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    generator, found = np.random.default_rng(0), []
    for split, number in wanted.items():
        some = [line for line in lines if line["split"] == split and line["caption"].strip()]
        if len(some) < number:
            raise ConfigError(f"at most {len(some)} {split} pairs", str(number), "Choose fewer --pairs.")
        found += [some[place] for place in generator.permutation(len(some))[:number]]
    return found
