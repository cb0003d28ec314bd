"""The table that everything here reads: one row per pair, its signals made comparable, its verdict if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit, ndtri

from engine.errors import ConfigError

Floats = NDArray[np.float64]
RESERVED = ("suspicion", "suspicion_rank", "p_wrong", "label", "cluster")
SURE = 1e-3
"""No unsupervised estimate is taken for surer than this or than one minus this."""
VERDICTS = {"keep": 0.0, "drop": 1.0, "relabel": 1.0}


@dataclass(frozen=True)
class Pairs:
    """Pairs with comparable signals; all arrays `[pairs]` in one order."""

    ids: pd.Index
    """pair_id, unique"""
    prior: Floats
    """log-odds that the pair is wrong, from the unsupervised estimate; rises strictly with suspicion"""
    signals: Floats
    """`[pairs, 1 + signals]`, ranks of suspicion and of each signal as a standard normal; 0 where one is missing"""
    suspicion: Floats
    """unsupervised suspicion, 0 … 1; breaks ties"""
    label: NDArray[np.object_] | None
    """class (without classes cluster) of each pair, None where it has none; None if no pair has one"""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.ids)

    def part(self, rows: NDArray[np.intp]) -> Pairs:
        """Only these rows, with the values they have among all pairs."""
        label = None if self.label is None else self.label[rows]
        return Pairs(self.ids[rows], self.prior[rows], self.signals[rows], self.suspicion[rows], label)


@dataclass(frozen=True)
class Seen:
    """The decided pairs of a table, in order of decision."""

    rows: NDArray[np.intp]
    """rows of `Pairs`, `[decided]`"""
    wrong: Floats
    """1 wrong (drop, relabel), 0 right (keep), NaN unsure, `[decided]`"""

    def __len__(self) -> int:
        """Number of decided pairs."""
        return len(self.rows)

    def sure(self) -> Seen:
        """Those that are not unsure."""
        known = ~np.isnan(self.wrong)
        return Seen(self.rows[known], self.wrong[known])


def pairs_of(signals: pd.DataFrame, columns: Sequence[str] | None = None) -> Pairs:
    """Make the signals of a run comparable.

    Args:
        signals: index pair_id; one float column per signal (any monotone scale, either direction, NaN allowed),
            `suspicion` and `p_wrong` (0 … 1), optionally `label` or `cluster` (None allowed).
        columns: the signals to use; every numeric column but `RESERVED` if None.

    Returns:
        Each signal by its ranks, as a standard normal. Constant signals are left out.

    Raises:
        ConfigError: if a column is absent, an estimate is missing or outside 0 … 1, or a pair_id stands twice.
    """
    _refuse_unusable(signals)
    numeric = signals.select_dtypes("number").columns
    names = [name for name in numeric if name not in RESERVED] if columns is None else list(columns)
    scores = [_normal(signals[name].to_numpy(np.float64)) for name in ["suspicion", *names]]
    varied = [score for score in scores if score.any()]
    return Pairs(
        ids=signals.index,
        prior=_prior(signals["p_wrong"].to_numpy(np.float64), scores[0]),
        signals=np.stack(varied, axis=1) if varied else np.zeros((len(signals), 0)),
        suspicion=signals["suspicion"].to_numpy(np.float64),
        label=_groups(signals),
    )


def seen_of(pairs: Pairs, decisions: pd.DataFrame) -> Seen:
    """The decisions on pairs of this table; others are passed over.

    Args:
        pairs: the table.
        decisions: columns pair_id and verdict, one row per pair, in order of decision (`DecisionStore.current`).

    Raises:
        ConfigError: if a pair is decided twice, or a verdict is unknown.
    """
    unknown = set(decisions["verdict"]) - {*VERDICTS, "unsure"}
    if unknown or not decisions["pair_id"].is_unique:
        raise ConfigError(
            "one row per pair with keep, drop, relabel or unsure",
            f"{sorted(map(repr, unknown))}" if unknown else "a pair that stands twice",
            "Give the decisions that stand (DecisionStore.current).",
        )
    rows = pairs.ids.get_indexer(pd.Index(decisions["pair_id"]))
    wrong = decisions["verdict"].map(VERDICTS).to_numpy(np.float64)
    return Seen(rows[rows >= 0], wrong[rows >= 0])


def in_order_of_first_decision(current: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The decisions that stand, in the order in which their pairs were first decided.

    A verdict that is changed later stays where it was: the audit asks when a pair was first looked at.

    Args:
        current: `DecisionStore.current`.
        history: `DecisionStore.history`.
    """
    first = history[history["kind"] == "decision"].groupby("pair_id")["id"].min()
    return current.iloc[np.argsort(current["pair_id"].map(first).to_numpy(), kind="stable")].reset_index(drop=True)


def _refuse_unusable(signals: pd.DataFrame) -> None:
    absent = [name for name in ("suspicion", "p_wrong") if name not in signals]
    if absent:
        raise ConfigError("columns suspicion and p_wrong", f"no {' and no '.join(absent)}", "Run the detection first.")
    if not signals.index.is_unique:
        raise ConfigError("one row per pair_id", "a pair_id that stands twice", "Use pair_id as index, each one once.")
    for name in ("suspicion", "p_wrong"):
        bad = ~signals[name].between(0, 1)
        if bad.any():
            raise ConfigError(
                f"{name} between 0 and 1", f"{signals[name][bad].iloc[0]} at {signals.index[bad][0]}", "Run it again."
            )


def _groups(signals: pd.DataFrame) -> NDArray[np.object_] | None:
    for name in ("label", "cluster"):
        if name in signals and signals[name].notna().any():
            groups = signals[name].astype(object)
            return groups.where(groups.notna(), None).to_numpy()
    return None


def _prior(p_wrong: Floats, suspicion: Floats) -> Floats:
    """Log-odds in the order of suspicion; where the estimate has only steps, they rise as it does on the whole.

    Without that, pairs with one and the same estimate would be ordered by the first small thing that is learned.
    """
    odds = logit(np.clip(p_wrong, SURE, 1 - SURE))
    step = np.unique(odds, return_inverse=True)[1]
    spread = max(float(suspicion @ suspicion), 1e-12)
    slope = max(float(odds @ suspicion) / spread, 0.0)
    middle = np.bincount(step, weights=suspicion) / np.bincount(step)
    order = np.lexsort((np.arange(len(odds)), odds, suspicion))
    out = np.empty(len(odds))
    out[order] = np.sort(odds + slope * (suspicion - middle[step]))
    return out


def _normal(values: Floats) -> Floats:
    """Ranks as a standard normal; 0 (the middle) where missing."""
    known = np.isfinite(values)
    out = np.zeros(len(values))
    if known.any() and np.ptp(values[known]) > 0:
        out[known] = ndtri((pd.Series(values[known]).rank().to_numpy() - 0.5) / known.sum())
    return out
