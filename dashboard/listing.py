"""Which training pairs a page lists, and in which order: asked page by page, never held as a whole. No Streamlit here.

A list is `Listed`: filters, an order, and the revision of the store whose decisions it knows, so that what is decided
meanwhile moves nothing. Its pages are found by their keys: the value sorted by and the place in the order of suspicion,
which is unique. The last key of a page begins the next; a jump counts rows from the nearest page that is known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pandas as pd

from dashboard.conditions import Condition, condition, kind_condition
from dashboard.filters import KINDS, MARKS, MEASURES, SCORES, Filters
from dashboard.histograms import Histogram, histogram
from dashboard.last_used import LastUsed
from dashboard.run_tables import RunTables
from engine.errors import EcifError
from engine.ranked_table import quoted

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
TILE_COLUMNS = ("pair_id", "caption", "label", "thumbnail", "influence_positive", "influence_negative", "clip_score",
                "duplicate_group", "suggested_caption", "reason", "suspicion", "suspicion_rank")  # fmt: skip
PAGE_SIZE = 60
LISTS_KEPT, PAGES_KEPT = 256, 64


@dataclass(frozen=True)
class Listed:
    """One list of pairs."""

    filters: Filters
    sort: str
    """a key of `SORTS`"""
    revision: int
    """of the store: the decisions that the list knows of"""

    @property
    def decided(self) -> str:
        """The table of its decided pairs: place, verdict."""
        return f"decided_{self.revision}"

    @property
    def taught(self) -> str:
        """The table of what the decisions taught: place, rank."""
        return f"taught_{self.revision}"

    def without(self, part: str) -> Listed:
        """Without one of `Filters.parts`."""
        return replace(self, filters=self.filters.without(part))


@dataclass(frozen=True)
class Page:
    """What one page of a list shows."""

    rows: pd.DataFrame
    """`TILE_COLUMNS` that the run has, and rank, the number on the tile; indexed by pair_id"""
    next_thumbnails: tuple[str, ...]
    """of the page behind it"""


@dataclass(frozen=True)
class Stand:
    """Where a pair stands in a list."""

    place: int
    """1, 2, …"""
    count: int
    before: str | None
    after: str | None


def stand_among(pair_ids: Sequence[str], pair_id: str) -> Stand | None:
    """Where a pair stands among some; None if it is not one of them."""
    if pair_id not in pair_ids:
        return None
    at, last = pair_ids.index(pair_id), len(pair_ids) - 1
    return Stand(at + 1, last + 1, pair_ids[at - 1] if at else None, pair_ids[at + 1] if at < last else None)


class Listing:
    """The training pairs of one run, to be narrowed and sorted in any way."""

    def __init__(self, tables: RunTables) -> None:
        self.tables = tables
        self.columns = frozenset(tables.columns("ranked"))
        self._counts, self._pages = LastUsed(LISTS_KEPT), LastUsed(PAGES_KEPT)
        self._ends, self._facts = LastUsed(LISTS_KEPT), LastUsed(LISTS_KEPT)
        self._ahead = ThreadPoolExecutor(1, "read-ahead")

    @property
    def has_signals(self) -> bool:
        """Whether the run is cross-fitted: reasons, probabilities, and something to learn from."""
        return "p_wrong" in self.columns and "reason" in self.columns

    def knows(self, listed: Listed) -> bool:
        """Whether the decisions of a list's revision are at hand, and what they taught if it is sorted by that."""
        return self.tables.keeps(listed.decided) and (listed.sort != "learned" or self.tables.keeps(listed.taught))

    def learn(self, listed: Listed, decisions: pd.DataFrame, rank: pd.Series | None = None) -> None:
        """Keep the decisions of a list's revision.

        Args:
            listed: for whose revision they stand.
            decisions: pair_id and verdict; of other runs too.
            rank: by what decisions taught, 1 is first, indexed by pair_id; pairs without one come behind, in the order
                of suspicion. For the order `learned`.
        """
        given = pd.DataFrame({"pair_id": decisions["pair_id"].astype("str"), "verdict": decisions["verdict"]})
        sql = "SELECT place, verdict FROM ranked JOIN given USING (pair_id)"
        self.tables.keep(listed.decided, sql, given.astype("str"))
        if rank is not None:
            given = pd.DataFrame({"pair_id": rank.index.astype("str"), "rank": rank.to_numpy("int64")})
            self.tables.keep(listed.taught, "SELECT place, rank FROM ranked JOIN given USING (pair_id)", given)

    def count(self, listed: Listed) -> int:
        """How many pairs are listed."""
        sql, values = self.condition(listed)
        key = (listed.filters, listed.revision)  # no order changes it
        return self._counts.made(key, lambda: self.tables.count("ranked", sql, values))

    def counts_without(self, listed: Listed) -> dict[str, int]:
        """How many pairs would be listed without each of `Filters.parts`."""
        return {part: self.count(listed.without(part)) for part in listed.filters.parts()}

    def some(self, pair_ids: Sequence[str]) -> pd.DataFrame:
        """What tiles show of some training pairs, in their order: `TILE_COLUMNS` that the run has, by pair_id."""
        return self.tables.scores_by_id(pair_ids, [one for one in TILE_COLUMNS if one in self.columns])

    def page(self, listed: Listed, number: int) -> Page:
        """One page of the list, 1, 2, …; pairs without the value they are sorted by come last."""
        return self._pages.made((listed, number), lambda: self._page(listed, number))

    def read_ahead(self, listed: Listed, number: int) -> None:
        """Begin to read a page that will probably be asked for next, behind the back of who asks for this one."""
        if 0 < number <= -(-self.count(listed) // PAGE_SIZE):
            self._ahead.submit(self._read_quietly, listed, number)

    def ids(self, listed: Listed) -> Iterator[list[str]]:
        """All pair_ids of the list in order, in batches."""
        sql, values = self.condition(listed)
        yield from self.tables.ids(
            f"SELECT pair_id FROM {self._source(listed)} WHERE {sql} ORDER BY {self._value(listed)}, place",  # noqa: S608
            values,
        )

    def stand(self, listed: Listed, pair_id: str) -> Stand | None:
        """Where a pair stands in the list; None if it is not in it."""
        source, value, (sql, values) = self._source(listed), self._value(listed), self.condition(listed)
        own = self.tables.rows(
            f"SELECT {value} AS value, place FROM {source} WHERE pair_id = ? AND {sql}",  # noqa: S608
            [pair_id, *values],
        )
        if own.empty:
            return None
        here = [float(own["value"].iloc[0]), int(own["place"].iloc[0])]
        found = self.tables.rows(
            "SELECT count(*) FILTER (key < here) AS before, count(*) AS count, "  # noqa: S608
            "max(key) FILTER (key < here) AS last, min(key) FILTER (key > here) AS next "
            f"FROM (SELECT ({value}, place) AS key, (?::DOUBLE, ?::BIGINT) AS here FROM {source} WHERE {sql})",
            [*here, *values],
        ).iloc[0]
        places = [int(key[1]) if isinstance(key, tuple) else None for key in (found["last"], found["next"])]
        names = self.tables.rows(
            "SELECT place, pair_id FROM ranked WHERE place IN (SELECT unnest(?::BIGINT[]))",
            [[place for place in places if place is not None]],
        ).set_index("place")["pair_id"]
        return Stand(int(found["before"]) + 1, int(found["count"]), *(names.get(place) for place in places))

    def usable(self, filters: Filters) -> tuple[Filters, list[str]]:
        """The filters that this run can answer, and in words those that it cannot."""
        absent = [f"range:{one.column}" for one in filters.ranges if one.column not in self.columns]
        absent += [f"kind:{kind}" for kind in filters.kinds] if "reason" not in self.columns else []
        absent += [f"mark:{mark}" for mark in filters.marks if mark not in self.marks()]
        words = filters.parts()
        for part in absent:
            filters = filters.without(part)
        return filters, [words[part] for part in absent]

    def kinds(self) -> list[str]:
        """The kinds of reason that occur in the run, one per wording."""
        if "reason" not in self.columns:
            return []
        first = {words: kind for kind, words in reversed(KINDS.items())}
        kinds = [kind for kind in KINDS if first[KINDS[kind]] == kind]
        occurs = ", ".join(f"bool_or({kind_condition()})" for _ in kinds)
        sql = f"SELECT {occurs} FROM (SELECT DISTINCT reason FROM ranked)"  # noqa: S608
        words = [KINDS[kind].casefold() for kind in kinds]
        found = self._facts.made("kinds", lambda: self.tables.rows(sql, words).iloc[0].tolist())
        return [kind for kind, does in zip(kinds, found, strict=True) if does is True]

    def labels(self) -> list[str]:
        """The labels that occur in the run, sorted."""
        sql = "SELECT DISTINCT label FROM ranked WHERE label IS NOT NULL ORDER BY label"
        return self._facts.made("labels", lambda: self.tables.rows(sql)["label"].tolist())

    def measures(self) -> list[str]:
        """The measures that the run has, one per wording."""
        first = {words[0]: column for column, words in reversed(MEASURES.items()) if column in self.columns}
        return [column for column in MEASURES if first.get(MEASURES[column][0]) == column]

    def score_columns(self) -> list[str]:
        """Those of the measures that are scores; the others are signals behind the suspicion."""
        return [column for column in self.measures() if column in SCORES]

    def marks(self) -> list[str]:
        """The marks that the run can tell."""
        needed = {"duplicate": "duplicate_group", "suggested": "suggested_caption", "defended": "unseen_influence"}
        return [mark for mark in MARKS if needed[mark] in self.columns]

    def histogram(self, measure: str) -> Histogram | None:
        """The histogram of a measure; None where there is nothing to choose from."""
        return self._facts.made(("histogram", measure), lambda: histogram(self.tables, measure))

    def condition(self, listed: Listed) -> Condition:
        """The rows of `ranked` that a list holds."""
        return condition(listed.filters, listed.decided)

    def _read_quietly(self, listed: Listed, number: int) -> None:
        with contextlib.suppress(EcifError):  # who asks for it is told
            self.page(listed, number)

    def _page(self, listed: Listed, number: int) -> Page:
        keys = self._keys(listed, number)
        names = ", ".join(quoted(one) for one in TILE_COLUMNS if one in self.columns)
        rows = self.tables.rows(
            f"SELECT place, {names} FROM ranked WHERE place IN (SELECT unnest(?::BIGINT[]))",  # noqa: S608
            [keys["place"].tolist()],
        ).set_index("place")  # fmt: skip
        rows = rows.loc[keys["place"]]
        rank = keys["rank"].to_numpy() if listed.sort == "learned" else rows["suspicion_rank"]
        rows = rows.assign(rank=rank).set_index("pair_id", drop=False)
        behind = rows["thumbnail"].iloc[PAGE_SIZE:]
        return Page(rows.head(PAGE_SIZE), tuple(name for name in behind if isinstance(name, str)))

    def _keys(self, listed: Listed, number: int) -> pd.DataFrame:
        """Keys of the pairs of a page and of the one behind it: value, place, and rank if that was learned."""
        ends = self._ends.made(listed, dict)
        known = max((page for page in ends.copy() if page < number), default=0)
        sql, values = self.condition(listed)
        if known:
            sql += " AND (value > ? OR (value = ? AND place > ?))"
            values = [*values, ends[known][0], *ends[known]]
        also = ", rank" if listed.sort == "learned" else ""
        keys = self.tables.rows(
            f"SELECT {self._value(listed)} AS value, place{also} FROM {self._source(listed)} WHERE {sql} "  # noqa: S608
            f"ORDER BY value, place LIMIT {2 * PAGE_SIZE} OFFSET {(number - known - 1) * PAGE_SIZE}",
            values,
        )
        for page in (number, number + 1):
            last = keys.iloc[(page - number) * PAGE_SIZE :].head(PAGE_SIZE).tail(1)
            if len(last):
                ends[page] = (float(last["value"].iloc[0]), int(last["place"].iloc[0]))
        return keys

    def _source(self, listed: Listed) -> str:
        if listed.sort != "learned":
            return "ranked"
        rank = f"coalesce(rank, place + (SELECT count(*) FROM {quoted(listed.taught)}))"  # noqa: S608
        return f"(SELECT ranked.*, {rank} AS rank FROM ranked LEFT JOIN {quoted(listed.taught)} USING (place))"  # noqa: S608

    def _value(self, listed: Listed) -> str:
        """What the list is sorted by, rising; what is not a number is the greatest of all to DuckDB."""
        if listed.sort in ("suspicion", "learned"):
            return "place::DOUBLE" if listed.sort == "suspicion" else "rank::DOUBLE"
        _, column, is_rising = SORTS[listed.sort]
        return f"coalesce({'' if is_rising else '-'}{quoted(column)}::DOUBLE, 'nan')"
