"""All alternatives on the same model and pairs in one process, each beside brute force."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from scipy.stats import spearmanr
from torch import Tensor

from engine.benchmark.alternatives.formulas import GradientPerPair
from engine.benchmark.alternatives.interface import Alternative, Job, is_missing
from engine.benchmark.alternatives.job import DAMPING
from engine.benchmark.baselines import gauss_newton_rows, loss_gradients
from engine.benchmark.clock import forget_peak, peak_bytes, seconds_of
from engine.models.checkpoints import first_line

MOST_LOGITS = 4096
"""of all batches together, for a dense curvature"""


@dataclass(frozen=True)
class Compared:
    """What one alternative did."""

    name: str
    curvature: str
    how: str
    seconds: float | None = None
    """of the fastest run, from pictures in memory to scores; None where it did not run"""
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
        repeats: runs of each.
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
            if one.package:
                importlib.import_module(one.package)  # takes seconds, once
            found.append(_measured(job, one, empty, truths, repeats))
        except Exception as error:  # whatever a library does here is what is to be reported
            found.append(replace(empty, why_not=f"{type(error).__name__}: {first_line(error)}"))
    return found


def brute_force(job: Job) -> dict[str, Tensor]:
    """⟨H⁻¹∇L_q, ∇R_n⟩ from a stored gradient per pair, `[pairs]`, under H = I and under a dense Gauss–Newton matrix.

    The second is left out where the matrix would not fit.
    """
    gradients = GradientPerPair(shared=True).removal_gradients(job)
    towers = job.setting.towers(job.setting.config.tier)
    query = loss_gradients(towers, job.validation, apart=False)[0]
    found, batches = {"identity": gradients @ query}, job.setting.segmentation.batches
    if sum(len(batch) ** 2 for batch in batches) <= MOST_LOGITS:
        rows = torch.cat([gauss_newton_rows(towers, torch.as_tensor(batch)) for batch in batches])
        rows = rows / job.num_pairs**0.5
        damping = DAMPING * rows.square().sum() / rows.shape[1]
        inner = rows @ rows.T + damping * torch.eye(len(rows)).to(rows)  # Woodbury: as many as logits, not parameters
        solved = (query - rows.T @ torch.linalg.solve(inner, rows @ query)) / damping
        found["gauss-newton"] = gradients @ solved
    return found


def _measured(job: Job, one: Alternative, empty: Compared, truths: dict[str, Tensor], repeats: int) -> Compared:
    device, answers = job.setting.inputs.pixels.device, []
    torch.manual_seed(0)  # some of them draw
    forget_peak(device)
    before = peak_bytes(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = min(seconds_of(lambda: answers.append(one.scores(job)), device) for _ in range(repeats))
    scores = answers[-1].detach().double().to(device)
    truth = truths.get(one.curvature, truths.get("gauss-newton", truths["identity"]))
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
