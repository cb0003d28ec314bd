"""Two rankings of pairs side by side: of two runs, or of two scores of one run. Pairs are matched by pair_id.

Every ranking is turned so that a higher value is more suspect; rank 1 is the most suspect pair. No Streamlit here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from dashboard.run_tables import RunTables
from dashboard.what_if_words import value_in_words
from engine.config import RunConfig
from engine.ranked_table import quoted

RANKINGS = {
    "suspicion": ("Suspicion", 1),
    "p_wrong": ("Probability of being wrong", 1),
    "influence": ("Influence on validation", -1),
    "relative_influence": ("Influence for its size", -1),
    "self_influence": ("Effect on itself", 1),
    "clip_score": ("How badly the caption fits", -1),
    "pair_loss": ("Loss of the pair", 1),
    "lemon": ("Unlike its neighbours", 1),
}
"""column of the scores → its name as a ranking, and the sign that makes higher mean more suspect"""
REGIONS = {"a": "Only A", "both": "Both", "b": "Only B", "neither": "Neither"}
MOST_POINTS = 5_000
METRICS = {
    "train": "Training pairs",
    "validation": "Validation pairs",
    "test": "Test pairs",
    "rejects": "Rows left out",
    "zero_shot_accuracy": "Test pictures named right",
    "retrieval_recall_at_1": "Captions found by picture",
    "retrieval_recall_at_5": "Captions found among the first five",
    "validation_loss": "Validation loss [nats per pair]",
    "estimated_share": "Captions that look wrong",
}
UNTOLD = ("out", "name")
"""options that change no score"""


@dataclass(frozen=True)
class Comparison:
    """What two rankings agree and disagree about, over the pairs that both know."""

    ranks: pd.DataFrame
    """indexed by pair, or by place: rank_a, rank_b (1 = most suspect), region (a key of `REGIONS`)"""
    only_in_a: int
    """pairs with a value in A alone"""
    only_in_b: int
    spearman: float
    """rank correlation over the pairs of both, −1 … 1; nan if there is nothing to correlate"""

    def pairs(self, region: str) -> pd.DataFrame:
        """The ranks of one region, in the order of the ranking that flags them; those of both by their worse rank."""
        own = self.ranks[self.ranks["region"] == region]
        order = {"a": own["rank_a"], "b": own["rank_b"]}.get(region, own.max(axis=1, numeric_only=True))
        return own.loc[order.sort_values(kind="stable").index]

    def counts(self) -> dict[str, int]:
        """Pairs per region."""
        found = self.ranks["region"].value_counts()
        return {region: int(found.get(region, 0)) for region in REGIONS}


def rankings_of(tables: RunTables) -> list[str]:
    """The rankings that a run has values for."""
    names = [name for name in RANKINGS if name in tables.columns("ranked")]
    counts = tables.rows(f"SELECT {', '.join(f'count({name})' for name in names)} FROM ranked")  # noqa: S608
    return [name for name, count in zip(names, counts.iloc[0], strict=True) if count]


def suspects(tables: RunTables, name: str, of: str = "place") -> pd.Series:
    """One ranking of the training pairs, higher is more suspect; pairs without a value are left out.

    Args:
        tables: of the run.
        name: a key of `RANKINGS`.
        of: the column that names a pair: its place in the ranked table, or pair_id.
    """
    found = tables.rows(f"SELECT {of} AS pair, {name} AS value FROM ranked WHERE isfinite({name})")  # noqa: S608
    return RANKINGS[name][1] * found.set_index("pair")["value"].astype(float)


def suspects_elsewhere(tables: RunTables, other: RunTables, name: str) -> tuple[pd.Series, int]:
    """A ranking of another run's pairs by their places in this run, and how many pairs the other has a value for.

    Args:
        tables: of the run.
        other: of the other run.
        name: a key of `RANKINGS`.
    """
    kept = f"{other.run.revision} {name}"
    if not tables.keeps(kept):
        values = suspects(other, name, "pair_id").reset_index()
        tables.keep(kept, "SELECT place, value FROM ranked JOIN given ON ranked.pair_id = given.pair", values)
    found = tables.rows(f"SELECT place, value FROM {quoted(kept)}")  # noqa: S608
    return found.set_index("place")["value"], other.count("ranked", f"isfinite({name})")


@dataclass(frozen=True)
class Ranked:
    """Two rankings over the pairs that both know."""

    values: pd.DataFrame
    """indexed as the rankings were, in the order of the index: a, b (higher is more suspect), rank_a, rank_b"""
    only_in_a: int
    only_in_b: int
    spearman: float


def rank_both(a: pd.Series, b: pd.Series, num_b: int | None = None) -> Ranked:
    """Match two rankings.

    Args:
        a: values by pair_id, or whatever names a pair; higher is more suspect.
        b: the same for the other ranking.
        num_b: pairs that the other ranking has a value for, where `b` holds only those that may be in `a` as well.
    """
    shared = a.index.intersection(b.index).sort_values()
    a, b, num_a, num_b = a.loc[shared], b.loc[shared], len(a), len(b) if num_b is None else num_b
    varies = len(shared) > 1 and a.nunique() > 1 and b.nunique() > 1
    return Ranked(
        pd.DataFrame({"a": a, "b": b, "rank_a": _ranks(a), "rank_b": _ranks(b)}),
        only_in_a=num_a - len(shared),
        only_in_b=num_b - len(shared),
        spearman=float(spearmanr(a, b).statistic) if varies else float("nan"),
    )


def flagged(both: Ranked, top: int | None = None, threshold: float | None = None) -> Comparison:
    """Flag pairs by both rankings and say where they agree.

    Pairs that only one of them knows are counted and take no part, so that a run on a cleaned table is compared on what
    it still holds.

    Args:
        both: the two rankings.
        top: flag this many of the most suspect pairs of either; ties go by pair.
        threshold: flag values of at least this much instead; one of the two is given.
    """
    values = both.values
    if threshold is None:
        by_a, by_b = values["rank_a"] <= top, values["rank_b"] <= top
    else:
        by_a, by_b = values["a"] >= threshold, values["b"] >= threshold
    names = list(REGIONS)
    codes = np.select(
        [by_a & by_b, by_a, by_b], [names.index(one) for one in ("both", "a", "b")], names.index("neither")
    )
    ranks = values[["rank_a", "rank_b"]].assign(region=pd.Categorical.from_codes(codes, names))
    return Comparison(ranks, both.only_in_a, both.only_in_b, both.spearman)


def _ranks(values: pd.Series) -> pd.Series:
    return values.rank(ascending=False, method="first").astype(int)


def thinned(ranks: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """At most `most` rows to draw: flagged pairs before the others, each kind evenly over its ranks."""
    is_flagged = ranks["region"] != "neither"
    flagged = _evenly(ranks[is_flagged].sort_values("rank_a"), most)
    return pd.concat([_evenly(ranks[~is_flagged].sort_values("rank_a"), most - len(flagged)), flagged])


def _evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, max(most, 0)).round().astype(int)]


def moved(scores_a: pd.DataFrame, scores_b: pd.DataFrame, column: str, decisions: pd.DataFrame) -> pd.DataFrame:
    """How a score of the decided pairs changed from run A to run B, the largest change first.

    Args:
        scores_a: of run A, indexed by pair_id, with caption.
        scores_b: of run B.
        column: a score that both have.
        decisions: standing decisions, indexed by pair_id.

    Returns:
        Indexed by pair_id: caption (of B, where it may have been relabelled), verdict, a, b (values), change,
        changed_sign. Pairs without a decision or without a value in both are left out.
    """
    own = scores_b[["caption"]].join(decisions["verdict"], how="inner")
    own = own.assign(a=scores_a[column].reindex(own.index).astype(float), b=scores_b[column].reindex(own.index))
    own = own.dropna(subset=["a", "b"])
    own["change"] = own["b"] - own["a"]
    own["changed_sign"] = np.sign(own["a"]) * np.sign(own["b"]) < 0
    return own.sort_values("change", key=np.abs, ascending=False, kind="stable")


def metric_rows(record_a: Mapping[str, Any], record_b: Mapping[str, Any]) -> pd.DataFrame:
    """The figures of two runs as words: columns what, A, B; those that neither has are left out."""
    a, b = _figures(record_a), _figures(record_b)
    rows = [(words, a.get(name), b.get(name)) for name, words in METRICS.items() if name in a or name in b]
    return pd.DataFrame([(words, one or "–", other or "–") for words, one, other in rows], columns=["what", "A", "B"])


def _figures(record: Mapping[str, Any]) -> dict[str, str]:
    found = {name: f"{number:,}" for name, number in record.get("counts", {}).items()}
    for name, value in {**record.get("metrics", {}), **record.get("detection", {})}.items():
        if name in METRICS and value is not None:
            found[name] = value_in_words(name, value)
    return found


def option_rows(a: RunConfig, b: RunConfig) -> pd.DataFrame:
    """The options in which two runs differ: columns option, A, B. Empty if they were run alike."""
    one, other = dataclasses.asdict(a), dataclasses.asdict(b)
    names = [name for name in one if name not in UNTOLD and one[name] != other[name]]
    rows = [(name.replace("_", " "), _words(one[name]), _words(other[name])) for name in names]
    return pd.DataFrame(rows, columns=["option", "A", "B"])


def _words(value: object) -> str:
    if value is None:
        return "default"
    return " · ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def agreement_in_words(found: Comparison) -> str:
    """How alike two rankings are, and what share of the flags they have in common."""
    counts = found.counts()
    flagged = counts["a"] + counts["both"] + counts["b"]
    if not len(found.ranks):
        return "The two have no pair in common, so there is nothing to compare."
    shared = f"{counts['both']:,} of {flagged:,} flagged pairs are flagged by both" if flagged else "Neither flags any"
    if np.isnan(found.spearman):
        return f"{shared}."
    kind = "nearly the same" if found.spearman > 0.9 else "alike" if found.spearman > 0.5 else "quite different"
    kind = "opposed" if found.spearman < -0.1 else kind
    return f"{shared}. The rankings are **{kind}** (Spearman {found.spearman:.2f})."
