"""Whether the time per pair stays what it is as pairs, batch and queries grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from engine.benchmark.clock import fastest_seconds
from engine.benchmark.setting import Setting, setting
from engine.benchmark.work import embed_all, random_directions, score
from engine.config import RunConfig

TIMES = (1, 2, 4)


@dataclass(frozen=True)
class Grown:
    """The scores of all pairs, measured at one size."""

    tier: str
    grows: str
    """pairs, batch or queries"""
    num_pairs: int
    batch_size: int
    num_queries: int
    microseconds: float
    """per pair and query"""
    ratio: float
    """to the smallest size of the same row of measurements"""


def measure_growth(
    config: RunConfig, num_pairs: int, tiers: tuple[str, ...], device: torch.device, report: Callable[[str], None]
) -> list[Grown]:
    """Scores of all pairs at 1, 2 and 4 times as many pairs, pairs per batch, and queries.

    Args:
        config: model, batch size and chunk size to begin with.
        num_pairs: to begin with; at least four batches.
        tiers: of heads, lora, all.
        device: where.
        report: called with a line before each measurement.
    """
    found = []
    for tier in tiers:
        for grows in ("pairs", "batch", "queries"):
            first = None
            for times in TIMES:
                pairs = num_pairs * (times if grows == "pairs" else TIMES[-1] if grows == "batch" else 1)
                batch = config.batch_size * (times if grows == "batch" else 1)
                queries = times if grows == "queries" else 1
                report(f"{tier}: {pairs} pairs in batches of {batch}, {queries} queries")
                given = setting(replace(config, batch_size=batch), pairs, device)
                one = _seconds(given, tier, queries) / pairs / queries * 1e6
                first = first or one
                found.append(Grown(tier, grows, pairs, batch, queries, one, one / first))
    return found


def _seconds(given: Setting, tier: str, num_queries: int) -> float:
    feature_map = given.heads_map() if tier == "heads" else given.feature_map(tier)
    if tier != "heads":
        embed_all(feature_map)
    directions = random_directions(feature_map, num_queries)
    return fastest_seconds(lambda: score(given, feature_map, directions), given.inputs.pixels.device)
