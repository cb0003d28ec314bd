"""What the detection of a run found, made ready for pages: share, precision, strongest signals. No Streamlit here."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from dashboard.run_tables import RunTables
from dashboard.wording import MADE_WRONG_WORDS, SHARE_CAVEAT, SHARE_CAVEAT_WITHOUT_CLASSES, SIGNALS, percent
from engine.learning.table import VERDICTS
from engine.ranked_table import quoted

HALF = 0.5
LEAST_OFTEN = 3
MOST_POINTS = 200
LEAST_CHARTED = 50
BIN_EDGES = (0.0, 0.1, 0.5, 0.9, 1.0)
CONFIDENCE = 0.9


@dataclass(frozen=True)
class WrongShare:
    """How many training captions are wrong, as the run estimates without labels."""

    value: float
    """estimated share, 0 … 1"""
    low: float
    """lower end of the 90 % interval"""
    high: float
    """upper end of it"""
    num_pairs: int
    """training pairs that the share is of"""
    found_again: dict[str, float]
    """chance that a pair made wrong on purpose is more suspect than one of the data set's own, by kind; ½ is chance"""

    def number(self) -> str:
        """The estimate as a number of pairs."""
        return f"{round(self.value * self.num_pairs):,} of {self.num_pairs:,}"

    def interval_in_words(self) -> str:
        """The share, and the interval as numbers of pairs."""
        low, high = round(self.low * self.num_pairs), round(self.high * self.num_pairs)
        return f"{percent(self.value)} · {low:,} to {high:,} pairs by chance alone"

    def caveat_in_words(self) -> str:
        """What the estimate leaves out."""
        return SHARE_CAVEAT if "confused" in self.found_again else SHARE_CAVEAT_WITHOUT_CLASSES

    def reliability_in_words(self) -> str:
        """How surely wrong pairs are recognised."""
        parts = [
            f"**{round(100 * self.found_again[kind])}** with {words}"
            for kind, words in MADE_WRONG_WORDS.items()
            if kind in self.found_again
        ]
        if not parts:
            return ""
        return (
            "Tested on pairs made wrong on purpose: of 100 comparisons with the data set's own pairs, the wrong one is "
            f"told in {', '.join(parts)}. 50 would be guessing."
        )


def wrong_share(record: dict[str, Any]) -> WrongShare | None:
    """What a run's record says about wrong captions; None where the run was not cross-fitted.

    Args:
        record: `RunFolder.record`.
    """
    found = record.get("detection") or {}
    if not found.get("is_cross_fitted"):
        return None
    return WrongShare(
        found["estimated_share"],
        found["estimated_share_low"],
        found["estimated_share_high"],
        record["counts"]["train"],
        found["found_again"],
    )


@dataclass(frozen=True)
class Confusion:
    """The mistake that a model makes most often when it names test pictures."""

    true: str
    said: str
    number: int
    """pictures of `true` that are called `said`"""
    num_mistakes: int
    """wrong names in all"""
    query_id: str
    """the surest of these mistakes"""


def commonest_confusion(wrong: pd.DataFrame) -> Confusion | None:
    """The pair of classes behind most wrong names; None where no mistake comes back often enough to have a cause.

    Args:
        wrong: wrong predictions: query_id, kind, true_label, predicted_label, confidence.
    """
    named = wrong[wrong["kind"] == "classification"]
    counts = named.groupby(["true_label", "predicted_label"], observed=True).size().sort_values(kind="stable")
    if counts.empty or counts.iloc[-1] < LEAST_OFTEN:
        return None
    true, said = counts.index[-1]
    own = named[(named["true_label"] == true) & (named["predicted_label"] == said)]
    surest = own.sort_values("confidence", kind="stable")["query_id"].iloc[-1]
    return Confusion(str(true), str(said), int(counts.iloc[-1]), len(named), surest)


def health_in_words(record: dict[str, Any], share: WrongShare | None, confusion: Confusion | None) -> list[str]:
    """A run in two or three sentences, for a person who sees it for the first time.

    Class names stand in them as they are: show them as text, not as markup.
    """
    metrics = record["metrics"]
    if share is None:
        sentences = ["How many captions are wrong could not be estimated for this run."]
    elif round(share.value * share.num_pairs) == 0:
        sentences = ["Hardly any caption looks wrong."]
    else:
        sentences = [f"About {percent(share.value)} of the captions look wrong: {share.number()}."]
    if metrics["zero_shot_accuracy"] is not None:
        sentences.append(f"The model names {percent(metrics['zero_shot_accuracy'])} of the test pictures right.")
    else:
        sentences.append(f"The model finds the caption of {percent(metrics['retrieval_recall_at_1'])} of the pictures.")
    if confusion is not None:
        sentences.append(
            f"Its commonest mistake: {confusion.true} taken for {confusion.said} "
            f"({confusion.number} of {confusion.num_mistakes} wrong names)."
        )
    return sentences


@dataclass(frozen=True)
class Start:
    """The one thing to do now."""

    label: str
    """of the button"""
    why: str
    """one sentence; may hold class names"""
    page: str
    """a file of views"""
    params: dict[str, str]
    """of its address"""


def start_here(
    share: WrongShare | None, confusion: Confusion | None, num_decided: int, num_changes: int, num_pairs: int
) -> Start:
    """What to do next with a run: look at pairs, trace a mistake, or take the decisions along.

    Args:
        share: of wrong captions; None if not estimated.
        confusion: the commonest one, if any.
        num_decided: training pairs with a standing decision.
        num_changes: those decided as drop or relabel.
        num_pairs: training pairs.
    """
    worth = share.low * share.num_pairs * HALF if share else 1
    if num_decided == num_pairs or num_changes >= max(worth, 1):
        taken = f"{num_changes:,} pairs are to be dropped or relabelled"
        return Start("Take the decisions along", f"{taken}: export them and train again.", "decisions", {})
    if num_decided and confusion:
        why = f"See which training pairs taught the model to take {confusion.true} for {confusion.said}."
        return Start("Trace the commonest mistake", why, "trace_back", {"query": confusion.query_id})
    if share is None:
        return Start("Look through suspicious pairs", "Those most like wrong pairs come first.", "suspicious", {})
    why = "Twenty pairs are proposed at a time; every answer improves the ranking of the rest."
    label = "Look at the first pairs" if not num_decided else "Look at the next pairs"
    return Start(label, why, "suspicious", {"look": "Look at next"})


def copies_of(tables: RunTables) -> tuple[int, int]:
    """How many training pairs share a picture with another one, and in how many groups."""
    found = tables.rows(
        "SELECT count(*) AS pairs, count(DISTINCT duplicate_group) AS groups FROM ranked WHERE duplicate_group >= 0"
    )
    return int(found.at[0, "pairs"]), int(found.at[0, "groups"])


def good_to_know(record: dict[str, Any], num_copies: int, num_groups: int) -> list[str]:
    """Notes of the run, copies among its pictures, and how healthy its space is, one sentence each.

    Args:
        record: `RunFolder.record`; runs of an earlier version say nothing of health.
        num_copies: training pairs that share a picture with another one.
        num_groups: of these.
    """
    known = [f"The validation loss is {record['metrics']['validation_loss']:.3f} nats per pair.", *record["notes"]]
    if num_copies:
        known.append(f"{num_copies} training pairs share a picture with another one ({num_groups} groups).")
    return [*known, *(record.get("health") or {}).get("words", {}).values()]


def precision_by_depth(signals: pd.DataFrame) -> pd.DataFrame:
    """Estimated share of wrong pairs among the k most suspect, k = 1 … pairs.

    Args:
        signals: p_wrong and suspicion_rank of every training pair.

    Returns:
        depth and precision (mean p_wrong, 0 … 1).
    """
    p_wrong = signals.sort_values("suspicion_rank")["p_wrong"].to_numpy(dtype=float)
    depth = np.arange(1, len(p_wrong) + 1)
    return pd.DataFrame({"depth": depth, "precision": np.cumsum(p_wrong) / depth})


def depth_worth_looking(precision: pd.DataFrame) -> int:
    """How many of the most suspect pairs can be looked at before fewer than half of them are wrong; 0 if none."""
    enough = precision.loc[precision["precision"] >= HALF, "depth"]
    return int(enough.max()) if len(enough) else 0


def thinned(precision: pd.DataFrame, half: int) -> pd.DataFrame:
    """The part of the curve worth drawing: up to three times `half`, at most `MOST_POINTS` points."""
    shown = precision.head(max(3 * half, LEAST_CHARTED))
    rows = np.unique(np.linspace(0, len(shown) - 1, MOST_POINTS).round().astype(int))
    return shown.iloc[rows]


def observed_by_estimate(p_wrong: pd.Series, decisions: pd.DataFrame) -> pd.DataFrame:
    """What annotators found beside what was estimated, for the decided pairs in bins of the estimate.

    Args:
        p_wrong: estimate of each training pair, indexed by pair_id.
        decisions: standing decisions, indexed by pair_id; unsure ones and other data sets' are passed over.

    Returns:
        One row per bin that holds decided pairs: low and high of the bin, estimated (mean p_wrong), observed (share
        called wrong), observed_low and observed_high (exact 90 % interval), wrong and decided (numbers).
    """
    called = decisions["verdict"].map(VERDICTS).dropna()
    own = pd.DataFrame({"p_wrong": p_wrong.reindex(called.index), "wrong": called.astype(float)}).dropna()
    place = np.digitize(own["p_wrong"], BIN_EDGES[1:-1])
    rows = []
    for number, (low, high) in enumerate(itertools.pairwise(BIN_EDGES)):
        part = own[place == number]
        if len(part):
            wrong = int(part["wrong"].sum())
            rows.append((low, high, part["p_wrong"].mean(), *_observed(wrong, len(part)), wrong, len(part)))
    names = ("low", "high", "estimated", "observed", "observed_low", "observed_high", "wrong", "decided")
    return pd.DataFrame(rows, columns=list(names))


def agreement_in_words(observed: pd.DataFrame) -> str:
    """Whether the estimate holds among the decided pairs.

    Args:
        observed: of `observed_by_estimate`, not empty.
    """
    wrong, decided = int(observed["wrong"].sum()), int(observed["decided"].sum())
    expected = float((observed["estimated"] * observed["decided"]).sum())
    _, low, high = _observed(wrong, decided)
    if low * decided <= expected <= high * decided:
        verdict = "The estimate holds so far"
    else:
        verdict = "The estimate counts too few" if expected < wrong else "The estimate counts too many"
    found = f"Of {decided:,} decided pairs annotators called **{wrong:,}** wrong; {expected:,.0f} expected."
    learned = "" if "holds" in verdict else " *Look at next* learns from this what is left."
    return f"**{verdict}.** {found}{learned}"


@dataclass(frozen=True)
class Driver:
    """One signal that makes a pair suspect."""

    words: str
    """what it says"""
    percentile: float
    """share of the training pairs that are less suspect by it, 0 … 1"""


def strongest_signals(tables: RunTables, score: pd.Series, number: int = 4) -> list[Driver]:
    """The signals by which a pair stands out most; those that say the same in words are one.

    Args:
        tables: of the run.
        score: the pair's row of the ranked table.
        number: how many at most.
    """
    own = {name: float(score[name]) for name in SIGNALS if name in score and math.isfinite(score[name])}
    if not own:
        return []
    less = {1: "<", -1: ">"}
    shares = ", ".join(
        f"avg(({quoted(name)} {less[SIGNALS[name][1]]} ?)::INTEGER) FILTER (isfinite({quoted(name)}))" for name in own
    )
    found = tables.rows(f"SELECT {shares} FROM ranked", list(own.values())).iloc[0]  # noqa: S608
    best: dict[str, float] = {}
    for name, share in zip(own, found, strict=True):
        words = SIGNALS[name][0]
        best[words] = max(best.get(words, 0.0), float(share))
    ordered = sorted(best.items(), key=lambda item: -item[1])
    return [Driver(words, share) for words, share in ordered[:number] if share > HALF]


def standing_in_words(driver: Driver) -> str:
    """A signal and among how many pairs it is as strong: rounded outwards, so that nothing is the top 0 %."""
    top = max(1 - driver.percentile, 0.001)
    return f"{driver.words}: **in the top {percent(top)} of pairs**"


def is_defended(score: pd.Series) -> bool:
    """Whether the model that learned a pair says that it helps, and models that have not seen it that it hurts."""
    return bool(score["influence"] > 0 and score.get("unseen_influence", 0) < 0)


def probability_in_words(p_wrong: float) -> str:
    """A probability as a person would say it; nothing estimated is called certain."""
    if p_wrong < 0.01:
        return "below 1 %"
    return "above 99 %" if p_wrong > 0.99 else f"{p_wrong:.0%}"


def _observed(wrong: int, decided: int) -> tuple[float, float, float]:
    interval = binomtest(wrong, decided).proportion_ci(CONFIDENCE, method="exact")
    return wrong / decided, float(interval.low), float(interval.high)
