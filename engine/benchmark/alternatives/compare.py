"""All alternatives on the same model and pairs in one process, each beside brute force."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from scipy.stats import spearmanr
from torch import Tensor

from engine.benchmark.alternatives.formulas import GradientPerPair
from engine.benchmark.alternatives.interface import Alternative, Job, is_missing
from engine.benchmark.alternatives.our_own import Scores
from engine.benchmark.baselines import loss_gradients
from engine.benchmark.clock import fastest_seconds, forget_peak, peak_bytes
from engine.curvature import inverse_curvature
from engine.models.checkpoints import first_line


@dataclass(frozen=True)
class Compared:
    """What one alternative did."""

    name: str
    curvature: str
    how: str
    seconds: float | None = None
    """of the fastest of a few runs, from pictures in memory to scores; None where it did not run"""
    memory_bytes: int | None = None
    """most in use meanwhile beyond what was in use before"""
    cosine: float | None = None
    """of its scores with brute force under the same curvature; NaN for scores that are all 0"""
    spearman: float | None = None
    spearman_identity: float | None = None
    """with brute force under H = I"""
    why_not: str | None = None
    """why it did not run"""


def compare(
    job: Job, alternatives: Iterable[Alternative], repeats: int, report: Callable[[str], None]
) -> list[Compared]:
    """Run what is installed.

    Args:
        job: model and pairs; float64 makes brute force the truth.
        alternatives: to be run, in this order.
        repeats: timed runs of each, after one to warm up.
        report: called with a line before each.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    report("brute force")
    truths = brute_force(job)
    found = []
    for one in alternatives:
        report(f"{one.name}, {one.curvature}")
        empty = Compared(one.name, one.curvature, one.how)
        if is_missing(one):
            found.append(replace(empty, why_not=f"{one.package} is not installed"))
            continue
        try:
            found.append(_measured(job, one, empty, truths, repeats))
        except Exception as error:  # whatever a library does here is what is to be reported
            found.append(replace(empty, why_not=f"{type(error).__name__}: {first_line(error)}"))
    return found


def brute_force(job: Job) -> dict[str, Tensor]:
    """⟨H⁻¹∇L_q, ∇R_n⟩ from a stored gradient per pair, `[pairs]`, under H = I and Gauss–Newton."""
    gradients = GradientPerPair(shared=True).removal_gradients(job)
    towers = job.setting.towers(job.setting.config.tier)
    query = loss_gradients(towers, job.validation, apart=False)
    pairs = Scores("gauss-newton", "encoders").maps(job)[0]
    config = replace(job.setting.config, curvature="gauss-newton")
    inverse = inverse_curvature(config, pairs, job.setting.segmentation, query[0])
    return {"identity": gradients @ query[0], "gauss-newton": gradients @ inverse.solve(query).values[0]}


def _measured(job: Job, one: Alternative, empty: Compared, truths: dict[str, Tensor], repeats: int) -> Compared:
    device = job.setting.inputs.pixels.device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = one.scores(job).detach().double().to(device)
        forget_peak(device)
        before = peak_bytes(device)
        seconds = fastest_seconds(lambda: one.scores(job), device, repeats, is_warm=True)
    truth = truths.get(one.curvature, truths["gauss-newton"])
    return replace(
        empty,
        seconds=seconds,
        memory_bytes=peak_bytes(device) - before,
        cosine=float(torch.nn.functional.cosine_similarity(scores, truth, 0)) if scores.any() else float("nan"),
        spearman=_spearman(scores, truth),
        spearman_identity=_spearman(scores, truths["identity"]),
    )


def _spearman(scores: Tensor, truth: Tensor) -> float:
    return float(spearmanr(scores.cpu(), truth.cpu()).statistic) if scores.any() else float("nan")
