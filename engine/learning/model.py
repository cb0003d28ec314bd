"""What the decisions teach about the signals: a small Bayesian logistic model around the unsupervised estimate.

For pair i with unsupervised log-odds o_i of being wrong and signals z_i (ranks as standard normals, `[signals]`):

    log-odds(wrong_i) = a + (1 + b) o_i + w·z_i      a ~ N(0, ½²),  b ~ N(0, 0.3²),  w ~ N(0, τ²/k · I),  k signals

The posterior of (a, b, w) is approximated by a normal at its mode (Laplace). τ says how far decisions may move pairs
against each other; no τ is chosen, the answers of several are averaged, weighted by how well each predicted the
decisions (evidence). τ = 0 keeps the unsupervised order; the weights start small for a τ that is large for the number
of decisions, so the unsupervised order prevails until many decisions contradict it. Which pairs
were looked at may depend on the signals and on earlier decisions: a likelihood given the signals is not biased by that.

scikit-learn's logistic regression has neither an offset, nor a prior that is not centred at 0, nor an evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logsumexp

from engine.learning.table import Floats, Pairs, Seen

TAUS = (0.0, 0.15, 0.3, 0.6, 1.2, 2.4)
START = np.array([0.4, 0.2, 0.2, 0.1, 0.07, 0.03])
DECISIONS_PER_TAU = 100
INTERCEPT_DEVIATION, SLOPE_DEVIATION = 0.5, 0.3
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Model:
    """A fitted average of models over τ."""

    weights: Floats
    """posterior weight of each τ, `[taus]`"""
    modes: Floats
    """a, b, w for each τ, `[taus, 2 + signals]`"""

    def p_wrong(self, pairs: Pairs) -> Floats:
        """Probability of being wrong, 0 … 1, `[pairs]`; without decisions the unsupervised estimate.

        It is taken at the modes. Averaged over the posterior it would be nearer to ½ for pairs with unusual signals,
        also before any decision: a change of the order that nothing speaks for.
        """
        odds = pairs.prior[:, None] + _columns(pairs) @ self.modes.T
        return expit(odds) @ self.weights


def fit(pairs: Pairs, seen: Seen) -> Model:
    """Fit to the decisions; with none, the unsupervised estimate.

    Args:
        pairs: all pairs.
        seen: the decided ones; unsure ones are not used.
    """
    known = seen.sure()
    columns, prior = _columns(pairs)[known.rows], pairs.prior[known.rows]
    num_signals = pairs.signals.shape[1]
    deviations = [
        np.r_[INTERCEPT_DEVIATION, SLOPE_DEVIATION, np.full(num_signals, tau / np.sqrt(max(num_signals, 1)))]
        for tau in TAUS
    ]
    fits = [_laplace(columns, prior, known.wrong, deviation) for deviation in deviations]
    evidence = np.array([one[1] for one in fits]) + np.log(_start(len(known)))
    return Model(
        weights=np.exp(evidence - logsumexp(evidence)),
        modes=np.stack([one[0] for one in fits]),
    )


def reranked(pairs: Pairs, p_wrong: Floats) -> pd.DataFrame:
    """All pairs, ranked by what the decisions taught.

    Args:
        pairs: all pairs.
        p_wrong: `Model.p_wrong`, or the unsupervised estimate while nothing is decided, `[pairs]`.

    Returns:
        Index pair_id; p_wrong_learned (the model's 0 … 1, for decided pairs too), suspicion_learned (0 … 1, its rank
        scaled, higher is more suspect), rank (1 = most suspect; ties by unsupervised suspicion, then by table order).
    """
    order = np.lexsort((np.arange(len(pairs)), -pairs.suspicion, -p_wrong))
    rank = np.empty(len(pairs), dtype=np.int64)
    rank[order] = np.arange(1, len(pairs) + 1)
    return pd.DataFrame(
        {"p_wrong_learned": p_wrong, "suspicion_learned": 1 - (rank - 0.5) / len(pairs), "rank": rank}, index=pairs.ids
    )


def _start(number: int) -> Floats:
    """Weight of each τ before the decisions speak; a large one needs many of them to be heard at all.

    Without that, a single wrong pair that looked right would turn the order over.
    """
    with np.errstate(divide="ignore"):
        heard = np.minimum(1, max(number, 1) / (DECISIONS_PER_TAU * np.array(TAUS)))
    return START * heard**2


def _columns(pairs: Pairs) -> Floats:
    """Intercept, prior log-odds, signals: `[pairs, 2 + signals]`."""
    return np.column_stack([np.ones(len(pairs)), pairs.prior, pairs.signals])


def _laplace(columns: Floats, prior: Floats, wrong: Floats, deviation: Floats) -> tuple[Floats, float]:
    """Mode and log evidence under N(0, deviation²), in units of the deviations (which may be 0)."""
    scaled = columns * deviation
    size = len(deviation)
    at = np.zeros(size)

    def objective(theta: Floats) -> float:
        odds = prior + scaled @ theta
        return float((np.logaddexp(0, odds) - wrong * odds).sum() + theta @ theta / 2)

    value = objective(at)
    for _ in range(NEWTON_STEPS):
        p = expit(prior + scaled @ at)
        gradient = scaled.T @ (p - wrong) + at
        hessian = (scaled.T * (p * (1 - p))) @ scaled + np.eye(size)
        step = np.linalg.solve(hessian, gradient)
        length = 1.0
        while objective(at - length * step) > value - 1e-4 * length * float(gradient @ step) and length > 1e-6:
            length /= 2
        at = at - length * step
        value = objective(at)
        if gradient @ step < 1e-10:
            break
    p = expit(prior + scaled @ at)
    hessian = (scaled.T * (p * (1 - p))) @ scaled + np.eye(size)
    evidence = -value - np.linalg.slogdet(hessian)[1] / 2
    return at * deviation, float(evidence)
