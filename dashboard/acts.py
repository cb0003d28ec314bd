"""One decision on many pairs at once: what it would do, in words, and its decisions. No Streamlit here."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dashboard.conditions import Condition
from dashboard.listing import Listed, Listing
from dashboard.run_tables import RunTables
from dashboard.wording import pairs_in_words
from engine.ranked_table import quoted
from engine.review import Decision
from engine.review.acts import Act
from engine.review.decisions import MAX_CAPTION_CHARACTERS

DOING = {"keep": "Keep", "drop": "Drop", "unsure": "Call unsure", "relabel": "Relabel"}
DONE = {"keep": "kept", "drop": "dropped", "unsure": "called unsure", "relabel": "relabelled"}
RECENT = datetime.timedelta(hours=12)


@dataclass(frozen=True)
class Scope:
    """Pairs that one decision is about: named by a condition, so that a million of them are never held at once."""

    count: int
    condition: Condition
    """rows of the ranked table"""
    ids: Callable[[], Iterator[list[str]]]
    """all pair_ids in the order on screen, in batches"""

    @classmethod
    def given(cls, pair_ids: Sequence[str]) -> Scope:
        """Pairs given one by one."""
        condition = ("pair_id IN (SELECT unnest(?::VARCHAR[]))", [list(pair_ids)])
        return cls(len(pair_ids), condition, lambda: iter([list(pair_ids)]))

    @classmethod
    def listed(cls, listing: Listing, listed: Listed) -> Scope:
        """All pairs of a list."""
        return cls(listing.count(listed), listing.condition(listed), lambda: listing.ids(listed))


def num_suggested(tables: RunTables, scope: Scope) -> int:
    """For how many pairs of a scope a caption is suggested that is not their own."""
    sql, values = scope.condition
    return tables.value(f"SELECT count(best) FROM ({_best(tables, sql)})", values)  # noqa: S608


def _best(tables: RunTables, condition: str) -> str:
    """SQL for pair_id, place, suspicion and the best caption suggested, none if it is a pair's own or too long."""
    single = "suggested_caption" if "suggested_caption" in tables.columns("ranked") else "NULL::VARCHAR"
    rows = f"SELECT pair_id, place, caption, suspicion, {single} AS single FROM ranked WHERE {condition}"  # noqa: S608
    found = "SELECT NULL::VARCHAR AS pair_id, NULL::VARCHAR AS suggested"
    if tables.has("suggestions"):
        found = (
            "SELECT pair_id, arg_min(s.caption, s.rank) AS suggested FROM suggestions s JOIN r USING (pair_id) "
            "WHERE s.caption <> r.caption GROUP BY pair_id"
        )
    fits = f"best <> caption AND trim(best) <> '' AND length(best) <= {MAX_CAPTION_CHARACTERS}"
    return (
        f"WITH r AS MATERIALIZED ({rows}), t AS ({found}), "  # noqa: S608
        "b AS (SELECT r.*, coalesce(t.suggested, r.single) AS best FROM r LEFT JOIN t USING (pair_id)) "
        f"SELECT pair_id, place, suspicion, CASE WHEN {fits} THEN best END AS best FROM b"
    )


@dataclass(frozen=True)
class Plan:
    """What is to be decided, before it is."""

    verdict: str
    """keep, drop, relabel or unsure"""
    scope: Scope
    num_pairs: int
    """pairs that get a decision"""

    @classmethod
    def of(cls, verdict: str, scope: Scope, num_suggested: int) -> Plan:
        """The plan for a scope; relabelling takes those with a suggested caption.

        Args:
            verdict: keep, drop, relabel or unsure.
            scope: the pairs.
            num_suggested: see the function; looked at for relabelling.
        """
        return cls(verdict, scope, num_suggested if verdict == "relabel" else scope.count)

    def question(self) -> str:
        """The title of what is confirmed."""
        return f"{DOING[self.verdict]} {pairs_in_words(self.num_pairs)}?"

    def num_again(self, tables: RunTables, decided: str) -> int:
        """How many of them are decided already.

        Args:
            tables: of the run.
            decided: the table of decided pairs, with the column place.
        """
        sql, values = self.scope.condition
        rows = f"SELECT best FROM ({_best(tables, sql)}) WHERE place IN (SELECT place FROM {quoted(decided)})"  # noqa: S608
        counted = "count(best)" if self.verdict == "relabel" else "count(*)"
        return tables.value(f"SELECT {counted} FROM ({rows})", values)  # noqa: S608

    def consequences(self, num_again: int, annotator: str) -> list[str]:
        """What happens, one sentence each.

        Args:
            num_again: how many of the pairs have a standing decision.
            annotator: in whose name.
        """
        number, num_left = self.num_pairs, self.scope.count - self.num_pairs
        said = [f"{number:,} decisions are written in the name of {annotator}. No file of the data set is changed."]
        if self.verdict == "relabel":
            said.append("Each gets the best of its suggested captions, which nobody has read yet.")
        if num_left:
            said.append(f"{num_left:,} others have no suggested caption and stay as they are.")
        if num_again:
            said.append(f"{num_again:,} are decided already; what you say now stands instead.")
        return [*said, "One Undo takes all of it back."]

    def decisions(self, tables: RunTables, act: str, annotator: str, run_id: str) -> Iterator[list[Decision]]:
        """The decisions to store, in batches, the most suspicious first; client_keys begin with the name of the act.

        Args:
            tables: of the run.
            act: see `engine.review.acts.new_act`.
            annotator: who decides.
            run_id: the run on screen.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        sql, values = self.scope.condition
        wanted = "best IS NOT NULL" if self.verdict == "relabel" else "true"
        rows = f"SELECT pair_id, suspicion, best FROM ({_best(tables, sql)}) WHERE {wanted} ORDER BY place"  # noqa: S608
        number = itertools.count()
        for batch in tables.batches(rows, values):
            yield [
                Decision(
                    pair_id=pair_id,
                    verdict=self.verdict,
                    new_caption=best if self.verdict == "relabel" else None,
                    annotator=annotator,
                    decided_at=now,
                    client_key=f"{act}-{next(number)}",
                    run_id=run_id,
                    suspicion=None if suspicion is None or suspicion != suspicion else suspicion,
                )
                for pair_id, suspicion, best in batch
            ]


def done_in_words(act: Act) -> str:
    """What an act did."""
    return f"You {DONE[act.verdict]} {pairs_in_words(act.num_pairs)} at once, {act.decided_at[11:16]} UTC."


def is_recent(act: Act, now: datetime.datetime) -> bool:
    """Whether an act is fresh enough to be offered for undoing without being asked for."""
    try:
        return now - datetime.datetime.fromisoformat(act.decided_at) < RECENT
    except (ValueError, TypeError):
        return False
