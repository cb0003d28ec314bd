"""How many wrong pairs are left unseen, with an interval, and when to stop.

The learned model gives each pair log-odds g_i of being wrong; how far it is off in each stratum h of the audit is
estimated from the audit draws alone, which were drawn at random:

    log-odds(wrong_i) = g_i + d_h        d_h = d + e_h,   d ~ N(0, D²),  e_h ~ N(0, E² + S² m_h²)

For a draw, g_i comes from a model that was fitted without it (5 folds of the draws, all other decisions kept), so that
the model does not confirm itself. With many draws d_h makes the mean of the model equal to the rate among the draws:
the model-calibrated difference estimator of survey sampling (Wu and Sitter 2001), right whatever the model says. With
few draws the prior widths hold: they say how far an estimate made without labels may be off, farther the surer it is
(m_h is the mean of |g_i| in the stratum).

What is counted is what the annotators would call wrong: if they call 5 % of the right pairs wrong, these are in it. A
blind check (`engine.learning.blind_check`) tells how often they do.

The posterior of d_h is computed on a grid, without approximation; the wrong pairs left in a stratum are then binomial
around the stratum's mean. Quantiles of their sum over strata give the interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, logsumexp

from engine.learning.audit import NUM_STRATA, Audit
from engine.learning.model import fit
from engine.learning.table import SURE, Floats, Pairs, Seen

SHARED_DEVIATION = 0.8
STRATUM_DEVIATION = 1.2
SURENESS_DEVIATION = 0.3
FOLDS = 5
GRID = np.linspace(-6, 6, 97)
NUM_DRAWS = 4000
CONFIDENCE = 0.9


@dataclass(frozen=True)
class Remaining:
    """What is left unseen."""

    wrong: float
    """number of wrong pairs among the unseen: as likely to be above as below"""
    low: int
    """lower end of the 90 % interval"""
    high: int
    """upper end of the 90 % interval"""
    num_unseen: int
    """pairs without a decision (unsure is one)"""
    num_draws: int
    """audit draws that the estimate rests on"""
    in_next: float
    """expected wrong pairs among the `next_count` most probably wrong unseen ones"""
    next_count: int
    """how many `in_next` speaks of"""


def remaining(
    pairs: Pairs,
    seen: Seen,
    p_wrong: Floats,
    audit: Audit,
    next_count: int = 50,
    confidence: float = CONFIDENCE,
) -> Remaining:
    """Estimate the wrong pairs that nobody has looked at.

    Args:
        pairs: all pairs.
        seen: the decided ones, in the order in which they were first decided.
        p_wrong: what the decisions taught, 0 … 1, `[pairs]`.
        audit: as it stands after `seen`. Draws answered *unsure* are left out.
        next_count: how many of the next pairs to speak of.
        confidence: of the interval, 0 … 1.
    """
    free = np.ones(len(pairs), dtype=bool)
    free[seen.rows] = False
    odds = _odds(p_wrong)
    draws = audit.drawn[~np.isnan(seen.wrong[audit.drawn])]
    members = np.maximum(np.bincount(audit.stratum, minlength=NUM_STRATA), 1)
    sureness = np.bincount(audit.stratum, weights=np.abs(odds), minlength=NUM_STRATA) / members
    held_out = _held_out_odds(pairs, seen, draws)
    shifts = _shifts(audit.stratum[seen.rows[draws]], held_out, seen.wrong[draws], sureness)
    size = np.bincount(audit.stratum[free], minlength=NUM_STRATA)
    means = np.stack([expit(odds[free & (audit.stratum == h)][:, None] + GRID).sum(0) for h in range(NUM_STRATA)])
    chance = np.divide(means, size[:, None], out=np.zeros_like(means), where=size[:, None] > 0)
    random = np.random.default_rng(0)  # numerical integration only: the same decisions give the same sentence
    counts = random.binomial(size, np.clip(chance[np.arange(NUM_STRATA), shifts], 0, 1)).sum(1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(counts, [tail, 1 - tail])
    most = np.argsort(np.where(free, -odds, np.inf), kind="stable")[: min(next_count, int(free.sum()))]
    shift = GRID[shifts]
    return Remaining(
        wrong=float(np.median(counts)),
        low=int(np.floor(low)),
        high=int(np.ceil(high)),
        num_unseen=int(free.sum()),
        num_draws=len(draws),
        in_next=float(expit(odds[most] + shift[:, audit.stratum[most]]).sum(1).mean()),
        next_count=len(most),
    )


def _shifts(stratum: np.ndarray, odds: Floats, wrong: Floats, sureness: Floats) -> np.ndarray:
    """Draws from the posterior of d_h, as places on `GRID`, `[NUM_DRAWS, strata]`."""
    each = odds[:, None] + GRID
    log_chance = wrong[:, None] * each - np.logaddexp(0, each)
    likelihood = np.zeros((NUM_STRATA, len(GRID)))
    np.add.at(likelihood, stratum, log_chance)
    apart = -((GRID[:, None] - GRID) ** 2) / 2  # [shared, own]
    between = apart / (STRATUM_DEVIATION**2 + (SURENESS_DEVIATION * sureness[:, None, None]) ** 2)
    between -= logsumexp(between, axis=2, keepdims=True)
    given_shared = between + likelihood[:, None, :]  # [strata, shared, own]
    marginal = logsumexp(given_shared, axis=2)  # [strata, shared]
    shared = marginal.sum(0) - GRID**2 / (2 * SHARED_DEVIATION**2)
    random = np.random.default_rng(1)
    chosen = random.choice(len(GRID), size=NUM_DRAWS, p=np.exp(shared - logsumexp(shared)))
    cumulative = np.exp(given_shared - marginal[:, :, None]).cumsum(2)
    level = random.random((NUM_DRAWS, NUM_STRATA, 1))
    return np.minimum((cumulative[:, chosen].transpose(1, 0, 2) < level).sum(2), len(GRID) - 1)


def _held_out_odds(pairs: Pairs, seen: Seen, draws: np.ndarray) -> Floats:
    """Log-odds of each draw by a model that was fitted without it, `[draws]`."""
    odds = np.zeros(len(draws))
    for fold in range(FOLDS):
        own = np.arange(len(draws)) % FOLDS == fold
        if own.any():
            kept = np.setdiff1d(np.arange(len(seen)), draws[own])
            model = fit(pairs, Seen(seen.rows[kept], seen.wrong[kept]))
            odds[own] = _odds(model.p_wrong(pairs.part(seen.rows[draws[own]])))
    return odds


def _odds(p_wrong: Floats) -> Floats:
    return logit(np.clip(p_wrong, SURE / 10, 1 - SURE / 10))
