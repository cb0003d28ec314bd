"""Peak memory of the scoring pass, each measured in a process of its own."""

from __future__ import annotations

import multiprocessing

import torch

from engine.benchmark.clock import peak_bytes
from engine.benchmark.setting import setting
from engine.config import RunConfig
from engine.contrastive import ClipLoss
from engine.influence.scores import role_scores


def peak_memory(config: RunConfig, num_pairs: int, device: torch.device) -> int:
    """Bytes at the peak of scoring `num_pairs` pairs of noise over an adapter: resident, or on the accelerator."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_score, (config, num_pairs, str(device)))


def _score(config: RunConfig, num_pairs: int, device: str) -> int:
    given = setting(config, num_pairs, torch.device(device))
    feature_map = given.feature_map("lora")
    direction = torch.ones(1, feature_map.subset.num_parameters).to(given.inputs.pixels)
    role_scores(feature_map, ClipLoss(), given.segmentation, direction)
    return peak_bytes(direction.device)
