"""Throughput of every pass of every tier on one device, with what share of its peak that is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from engine.benchmark.clock import fastest_seconds, forget_peak, machine_name, peak_bytes
from engine.benchmark.peak import Peak, peak_of
from engine.benchmark.setting import Setting, setting
from engine.benchmark.where_time_goes import TimeSpent, where_time_goes
from engine.benchmark.work import PLAIN, Work, embed_all, passes_after_embedding, scores_for
from engine.config import RunConfig
from engine.errors import OutOfMemory
from engine.memory import is_out_of_memory
from engine.models.checkpoints import first_line

COUNTS = (1, 8)
"""queries asked together"""
REPEATS = 2
Report = Callable[[str], None]


@dataclass(frozen=True)
class PassFigures:
    """One pass over all pairs."""

    what: str
    tier: str
    num_queries: int
    seconds: float | None
    """of the whole pass; None if it did not run"""
    pairs_per_second: float | None
    """times the number of queries"""
    ratio: float | None
    """seconds per query to the seconds of the plain embedding pass"""
    flops_per_pair: float | None
    """floating-point operations of the products that the pass really did"""
    share_of_peak: float | None
    memory_bytes: int | None
    """most in use meanwhile, the model and the pairs included"""
    why_not: str | None = None
    """why it did not run"""


@dataclass(frozen=True)
class ModelFigures:
    """All passes of one model."""

    model: str
    num_parameters: int
    image_dim: int
    text_dim: int
    embed_dim: int
    passes: list[PassFigures] = field(default_factory=list)
    time_goes: dict[str, TimeSpent] = field(default_factory=dict)
    """by pass, of those that were looked into"""


@dataclass(frozen=True)
class Throughput:
    """What `ecif benchmark gpu` found."""

    device: str
    torch_version: str
    dtype: str
    float32_products: str
    """torch's setting: highest is float32, high and medium allow TF32"""
    num_pairs: int
    batch_size: int
    chunk_size: int
    peak: Peak
    models: list[ModelFigures]

    def as_json(self) -> dict[str, Any]:
        """For a file that `ecif benchmark sizing` reads."""
        return asdict(self)


def measure_throughput(
    models: list[str], tiers: list[str], config: RunConfig, num_pairs: int, device: torch.device, report: Report
) -> Throughput:
    """Measure models one after the other.

    Args:
        models: as `--model` takes them.
        tiers: of heads, lora, all.
        config: dtype, batch and chunk size, seed.
        num_pairs: of noise, prepared beforehand.
        device: where.
        report: called with a line before each measurement.
    """
    report("what one large product reaches")
    peak = peak_of(device, getattr(torch, config.dtype))
    found = []
    for model in models:
        report(f"{model}: loading")
        given = setting(replace(config, model=model), num_pairs, device)
        found.append(_measure_model(given, tiers, peak, report))
    return Throughput(
        machine_name(device),
        torch.__version__,
        config.dtype,
        torch.get_float32_matmul_precision(),
        num_pairs,
        config.batch_size,
        config.chunk_size,
        peak,
        found,
    )


def _measure_model(given: Setting, tiers: list[str], peak: Peak, report: Report) -> ModelFigures:
    heads = given.encoder.heads
    device, model = given.inputs.pixels.device, given.config.model
    found = ModelFigures(
        model,
        sum(part.numel() for part in given.encoder.module.parameters()),
        heads.image.shape[1],
        heads.text.shape[1],
        heads.text.shape[0],
    )
    encoder_map = given.feature_map("all")
    report(f"{model}: {PLAIN}")
    plain = Work(PLAIN, 1, lambda: lambda: embed_all(encoder_map))
    figures = _measure(given, plain, "", None, peak)
    found.passes.append(figures)
    report(f"{model}: where the time of the {PLAIN} goes")
    found.time_goes[PLAIN] = where_time_goes(plain.ready(), device)
    for tier in tiers:
        report(f"{model}, {tier}: features")
        feature_map = given.heads_map() if tier == "heads" else given.feature_map(tier)
        if tier != "heads":
            embed_all(feature_map)
        for work in passes_after_embedding(given, feature_map, COUNTS):
            report(f"{model}, {tier}: {work.what}")
            found.passes.append(_measure(given, work, tier, figures.seconds, peak))
            if work.what == scores_for(1) and found.passes[-1].seconds:
                found.time_goes[f"{tier}: {work.what}"] = where_time_goes(work.ready(), device)
    return found


def _measure(given: Setting, work: Work, tier: str, plain_seconds: float | None, peak: Peak) -> PassFigures:
    device, num_pairs = given.inputs.pixels.device, len(given.pairs)
    forget_peak(device)
    try:
        do = work.ready()
        flops = _operations(do, device)
        seconds = fastest_seconds(do, device, REPEATS)
    except Exception as error:  # an hour on a rented device must not be lost to one pass that does not run there
        why_not = _why_not(error, device)
        return PassFigures(work.what, tier, work.num_queries, None, None, None, None, None, None, why_not)
    return PassFigures(
        work.what,
        tier,
        work.num_queries,
        seconds,
        num_pairs * work.num_queries / seconds,
        seconds / work.num_queries / (plain_seconds or seconds),
        flops / num_pairs,
        flops / seconds / 1e12 / peak.tflops,
        peak_bytes(device),
    )


def _operations(do: Callable[[], object], device: torch.device) -> int:
    """Floating-point operations of the products in one pass, counted with the kernels that torch has a count for."""
    counter, is_fast = FlopCounterMode(display=False), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with counter, sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else contextlib.nullcontext():
            do()
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)
    return counter.get_total_flops()


def _why_not(error: Exception, device: torch.device) -> str:
    """A few words, with the memory given back that the failed pass held."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if isinstance(error, OutOfMemory) or is_out_of_memory(error):
        return "does not fit into memory"
    return f"{type(error).__name__}: {first_line(error)}"
