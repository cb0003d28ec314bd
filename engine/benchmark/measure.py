"""The measurements: each is a few calls of the engine's own passes, timed beside the plain embedding pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from engine.benchmark.baselines import datainf_pair_by_pair, gradients_pair_by_pair
from engine.benchmark.clock import REPEATS, fastest_seconds, machine_name
from engine.benchmark.setting import Setting
from engine.benchmark.work import LOSS, embed_all, gradient, random_directions, score
from engine.curvature import GaussNewton, inverse_curvature

PAIRS_PER_PAIR_WAY = 4
"""pairs whose removal is differentiated one by one; the rest is extrapolated"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    tier: str
    seconds: float
    """for all pairs, fastest of the repeats; extrapolated where `note` says so"""
    ratio: float
    """to the plain embedding pass of the same pairs"""
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """What a benchmark found."""

    machine: str
    num_pairs: int
    batch_size: int
    dtype: str
    plain_seconds: float
    """the plain embedding pass of all pairs"""
    rows: list[Row] = field(default_factory=list)


def run_benchmark(
    setting: Setting, tiers: tuple[str, ...], num_queries: int, report: Callable[[str], None]
) -> Measured:
    """Measure every pass.

    Args:
        setting: model and pairs.
        tiers: of lora, all.
        num_queries: asked together where several are.
        report: called with a line before each measurement.
    """
    timed: list[tuple[str, str, float, str]] = []
    plain: list[float] = []

    def time_plain() -> None:
        report("plain embedding pass")
        plain.append(_seconds(setting, lambda: embed_all(setting.feature_map(tiers[0]))))

    def add(what: str, tier: str, seconds: float, note: str = "") -> None:
        timed.append((what, tier, seconds, note))

    time_plain()
    for tier in tiers:
        _encoder_rows(setting, tier, num_queries, add, report)
        time_plain()  # again: a machine is not equally fast all the time
    _heads_rows(setting, num_queries, add, report)
    time_plain()
    fastest = min(plain)
    return Measured(
        machine_name(setting.inputs.pixels.device),
        len(setting.pairs),
        setting.config.batch_size,
        setting.config.dtype,
        fastest,
        [Row(what, tier, seconds, seconds / fastest, note) for what, tier, seconds, note in timed],
    )


Add = Callable[..., None]


def _encoder_rows(setting: Setting, tier: str, num_queries: int, add: Add, report: Callable[[str], None]) -> None:
    for way, name in (("forward", "forward-mode"), ("central", "central differences")):
        feature_map = setting.feature_map(tier, way)
        embed_all(feature_map)  # a run has them from its embedding step
        for count in (1, num_queries):
            report(f"{tier}: scores of all pairs for {count}, {name}")
            directions = random_directions(feature_map, count)
            seconds = _seconds(setting, lambda m=feature_map, d=directions: score(setting, m, d))
            words = "scores of all pairs, one query" if count == 1 else f"the same, per query of {count}"
            add(f"{words}, {name}", tier, seconds / count)
    feature_map = setting.feature_map(tier)
    embed_all(feature_map)
    report(f"{tier}: gradient, curvature product")
    add("gradient of a loss over all pairs", tier, _seconds(setting, lambda: gradient(setting, feature_map)))
    operator = GaussNewton(feature_map, LOSS, setting.segmentation)
    one = random_directions(feature_map, 1)
    add("one Gauss–Newton product over all pairs", tier, _seconds(setting, lambda: operator.matvec(one)))
    report(f"{tier}: one backward pass per pair through its batch")
    batch = torch.as_tensor(setting.segmentation.batches[0])
    for shared, count in ((False, PAIRS_PER_PAIR_WAY), (True, len(batch))):
        words = "one backward pass per pair through its batch" + (", forward pass shared" if shared else "")
        note = f"{count} pairs at B = {len(batch)}; seconds = pairs × seconds per pair"
        seconds = _seconds(
            setting, lambda s=shared, c=count: gradients_pair_by_pair(feature_map.towers, batch, c, s), repeats=1
        )
        add(words, tier, seconds / count * len(setting.pairs), note)


def _heads_rows(setting: Setting, num_queries: int, add: Add, report: Callable[[str], None]) -> None:
    report("heads")
    feature_map = setting.heads_map()
    for count in (1, num_queries):
        directions = random_directions(feature_map, count)
        seconds = _seconds(setting, lambda d=directions: score(setting, feature_map, d))
        words = "scores of all pairs, one query" if count == 1 else f"the same, per query of {count}"
        add(words, "heads", seconds / count)
    config = replace(setting.config, curvature="datainf", damping=None, relative_damping=None)
    like = feature_map.heads.text.new_zeros(feature_map.subset.num_parameters)
    query = random_directions(feature_map, 1)
    report("heads: DataInf")
    ours = _seconds(setting, lambda: inverse_curvature(config, feature_map, setting.segmentation, like).solve(query))
    add("DataInf, built and applied to one query", "heads", ours)
    built = inverse_curvature(config, feature_map, setting.segmentation, like)
    further = _seconds(setting, lambda: built.solve(query))
    add("DataInf, applied to one more query", "heads", further)
    batch = torch.as_tensor(setting.segmentation.batches[0])
    direct = _seconds(setting, lambda: datainf_pair_by_pair(feature_map, batch, query))
    direct *= len(setting.pairs) / len(batch)
    note = f"{direct / ours:.0f} × ours, {direct / further:.0f} × one more query; from one batch"
    add("DataInf from one gradient per pair", "heads", direct, note)


def _seconds(setting: Setting, do: Callable[[], object], repeats: int = REPEATS) -> float:
    return fastest_seconds(do, setting.inputs.pixels.device, repeats)
