"""Which training pairs a page lists, and in which order. No Streamlit here.

A `Listing` is made once per run: what each rerun needs again (folded captions, orders, which pair has which reason) is
computed on first use and kept with it, so that a filter over 100,000 pairs takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from dashboard.filters import KINDS, MARKS, MEASURES, Filters, Range
from engine.review import VERDICTS

SORTS = {
    "suspicion": ("Most suspicious first", "suspicion_rank", True),
    "learned": ("Learned from decisions", "", True),
    "influence": ("Hurts validation most first", "influence", True),
    "positive": ("Hurts most as its own match first", "influence_positive", True),
    "negative": ("Hurts most as a negative first", "influence_negative", True),
    "relative": ("Hurts most for its size first", "relative_influence", True),
    "clip": ("Caption fits least first", "clip_score", True),
    "loss": ("Highest loss first", "pair_loss", False),
    "table": ("Table order", "pair_index", True),
}
"""by name in the URL: words, column, whether small values come first; `learned` follows the decisions"""


class Listing:
    """The training pairs of one run, ready to be filtered and sorted again and again.

    Args:
        scores: scores and pairs, indexed by pair_id; p_wrong and reason where the run has signals. Not changed.
        signals: cross-fitted signals, indexed by pair_id; None where the run has none. Not changed.
    """

    def __init__(self, scores: pd.DataFrame, signals: pd.DataFrame | None) -> None:
        self.index = scores.index
        self._scores, self._signals = scores, signals
        self._pair_ids = np.array(scores.index, dtype=object)
        self._kept: dict[object, Any] = {}

    def listed(
        self, decisions: pd.DataFrame, filters: Filters, sort: str = "suspicion", rank: pd.Series | None = None
    ) -> list[str]:
        """The pair_ids that fit, in order; pairs without the value they are sorted by come last.

        Args:
            decisions: standing decisions, indexed by pair_id; of other runs too.
            filters: what a pair must be.
            sort: a key of `SORTS`.
            rank: of every pair by what decisions taught, 1 is first; for the order `learned`.
        """
        keep = np.ones(len(self._pair_ids), dtype=bool)
        for mask in self._masks(decisions, filters):
            keep &= mask
        order = self._order(sort) if rank is None or sort != "learned" else _ascending(rank.reindex(self.index))
        return self._pair_ids[order[keep[order]]].tolist()

    def counts_without(self, decisions: pd.DataFrame, filters: Filters) -> dict[str, int]:
        """How many pairs would be listed without each of `Filters.parts`."""
        return {part: len(self.listed(decisions, filters.without(part))) for part in filters.parts()}

    def values(self, column: str) -> np.ndarray | None:
        """A measure of every pair, `[pairs]`, in the order of `index`; None where the run does not have it."""
        return self._keep_made(("values", column), lambda: self._measure(column)) if self._has(column) else None

    def usable(self, filters: Filters) -> tuple[Filters, list[str]]:
        """The filters that this run can answer, and in words those that it cannot."""
        absent = [f"range:{one.column}" for one in filters.ranges if not self._has(one.column)]
        absent += [f"kind:{kind}" for kind in filters.kinds] if "reason" not in self._scores else []
        absent += [f"mark:{mark}" for mark in filters.marks if mark not in self.marks()]
        words = filters.parts()
        for part in absent:
            filters = filters.without(part)
        return filters, [words[part] for part in absent]

    def kinds(self) -> list[str]:
        """The kinds of reason that occur in the run, one per wording."""
        if "reason" not in self._scores:
            return []
        first = {words: kind for kind, words in reversed(KINDS.items())}
        return [kind for kind in KINDS if first[KINDS[kind]] == kind and self._of_kind(kind).any()]

    def measures(self) -> list[str]:
        """The measures that the run has, one per wording."""
        first = {words[0]: column for column, words in reversed(MEASURES.items()) if self._has(column)}
        return [column for column in MEASURES if first.get(MEASURES[column][0]) == column]

    def marks(self) -> list[str]:
        """The marks that the run can tell."""
        needed = {
            "duplicate": "duplicate_group" in self._scores,
            "suggested": "suggested_caption" in self._scores,
            "defended": self._has("unseen_influence"),
        }
        return [mark for mark in MARKS if needed[mark]]

    def _masks(self, decisions: pd.DataFrame, filters: Filters) -> list[np.ndarray]:
        """One mask per filter, `[pairs]`."""
        masks = [self._shown(decisions, filters.show)] if filters.show != "all" else []
        masks += [self._marked(mark) for mark in filters.marks]
        masks += [self._within(one) for one in filters.ranges]
        if filters.roles:
            masks.append(self._in_roles(filters.roles))
        if filters.labels:
            codes, names = self._keep_made(
                "labels", lambda: pd.factorize(np.array(self._scores["label"], dtype=object))
            )
            wanted = [number for number, name in enumerate(names) if str(name) in filters.labels]
            masks.append(np.isin(codes, wanted))
        if filters.kinds:
            masks.append(np.logical_or.reduce([self._of_kind(kind) for kind in filters.kinds]))
        if words := filters.words.casefold().split():
            captions = self._keep_made("captions", self._folded_captions)
            masks.append(np.fromiter((all(word in text for word in words) for text in captions), bool, len(captions)))
        return masks

    def _shown(self, decisions: pd.DataFrame, show: str) -> np.ndarray:
        wanted = decisions.index[decisions["verdict"] == show] if show in VERDICTS else decisions.index
        positions = self.index.get_indexer(wanted)
        mask = np.zeros(len(self._pair_ids), dtype=bool)
        mask[positions[positions >= 0]] = True
        return ~mask if show == "open" else mask

    def _marked(self, mark: str) -> np.ndarray:
        def make() -> np.ndarray:
            if mark == "duplicate":
                return self._measure("duplicate_group") >= 0
            if mark == "suggested":
                suggested = self._scores["suggested_caption"]
                return np.array(suggested.notna() & (suggested != self._scores["caption"]), dtype=bool)
            return (self._measure("influence") > 0) & (self._measure("unseen_influence") < 0)

        return self._keep_made(("mark", mark), make)

    def _in_roles(self, roles: str) -> np.ndarray:
        own, negative = self.values("influence_positive"), self.values("influence_negative")
        wanted = {
            "negative": (own >= 0, negative < 0),
            "positive": (own < 0, negative >= 0),
            "both": (own < 0, negative < 0),
            "neither": (own >= 0, negative >= 0),
        }
        return np.logical_and(*wanted[roles])

    def _within(self, bounds: Range) -> np.ndarray:
        values = self.values(bounds.column)
        low = -np.inf if bounds.low is None else bounds.low
        high = np.inf if bounds.high is None else bounds.high
        return (values >= low) & (values <= high)  # neither holds for what is not a number

    def _of_kind(self, kind: str) -> np.ndarray:
        def make() -> np.ndarray:
            phrase = KINDS[kind].casefold()
            return np.array([isinstance(why, str) and phrase in why.casefold() for why in self._scores["reason"]])

        return self._keep_made(("kind", KINDS[kind]), make)

    def _folded_captions(self) -> list[str]:
        return [caption.casefold() if isinstance(caption, str) else "" for caption in self._scores["caption"]]

    def _order(self, sort: str) -> np.ndarray:
        _, column, ascending = SORTS[sort if SORTS[sort][1] else "suspicion"]
        return self._keep_made(("order", column), lambda: _ascending(self._scores[column] * (1 if ascending else -1)))

    def _has(self, column: str) -> bool:
        return column in self._scores or (self._signals is not None and column in self._signals)

    def _measure(self, column: str) -> np.ndarray:
        table = self._scores if column in self._scores else self._signals.reindex(self.index)
        return table[column].to_numpy(dtype=float)

    def _keep_made(self, name: object, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once; two threads that make it at once make the same."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def _ascending(values: pd.Series) -> np.ndarray:
    """Positions by value, the smallest first; ties in table order, what is not a number last."""
    return np.argsort(values.to_numpy(dtype=float), kind="stable")
