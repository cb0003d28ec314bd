"""Queues: pairs put there to be decided, handed out so that no two annotators work on the same one unasked.

A pair needs one annotator, or more where the queue asks for overlap. Whoever has a standing decision on it, or holds
it, takes one of these places; a pair with no place left is not handed out. Holding ends after a while without
activity, so that a closed laptop keeps nothing from the others. Times are those of the database, never of a client.

What was put into a queue stays there; who holds what is forgotten when it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from itertools import islice

import pandas as pd
from sqlalchemy import Connection, Select, case, delete, func, select

from engine.errors import DecisionsError
from engine.review.database import Result, database_errors, in_one_transaction
from engine.review.decisions import MAX_ID_CHARACTERS, check_annotator, check_text
from engine.review.queue_tables import (
    LEASES,
    MAX_QUEUE_CHARACTERS,
    METADATA,
    PAIRS,
    QUEUES,
    free,
    has_decided,
    held,
    in_force,
    known,
    let_go,
    locked,
    lot,
    make,
    moment,
    now,
    num_decided,
    num_deciding,
    prolong,
)
from engine.review.store import Store

REVIEW = "review"
"""the queue that one key sends pairs to"""
LEASE_SECONDS = 30 * 60
MAX_OVERLAP = 3


@dataclass(frozen=True)
class Progress:
    """How far a queue is; the three parts add up to `pairs`."""

    pairs: int
    """ever put there"""
    to_do: int
    """need another decision, and nobody who is to give it holds them"""
    handed_out: int
    """need another decision, and somebody who has not decided holds them"""
    done: int
    """decided by as many annotators as they need"""


@dataclass(frozen=True)
class QueueStore(Store):
    """An opened store of queues; threads and processes may share its database."""

    TABLES = METADATA

    def make(self, queue: str, annotator: str, overlap: int = 1, overlap_share: float = 1.0) -> bool:
        """Make a queue; one that exists is left as it is.

        Args:
            queue: its name.
            annotator: who makes it.
            overlap: how many annotators decide a pair that is shared out more than once, 1 … 3.
            overlap_share: fraction of the pairs that are, 0 … 1; the others need one annotator. Which ones is drawn
                by a hash of their id.

        Returns:
            Whether it is new.

        Raises:
            DecisionsError: if a value is out of range, or the database refuses.
        """
        _check_name(queue)
        check_annotator(annotator)
        if not 1 <= overlap <= MAX_OVERLAP or not 0 <= overlap_share <= 1:
            raise DecisionsError(
                f"an overlap of 1 to {MAX_OVERLAP} annotators for a share of 0 to 1 of the pairs",
                f"{overlap} for {overlap_share}",
                "Choose values in these ranges.",
            )
        return self._write(lambda connection: make(connection, queue, annotator, overlap, float(overlap_share)))

    def add(self, queue: str, pair_ids: Collection[str], run_id: str | None, annotator: str) -> int:
        """Put pairs at the end of a queue in this order; those already there are passed over. A new name makes it.

        Args:
            queue: its name.
            pair_ids: pairs to decide.
            run_id: the run they were chosen in.
            annotator: who puts them there.

        Returns:
            How many are new.

        Raises:
            DecisionsError: if a name or an id cannot be stored, or the database refuses.
        """
        _check_name(queue)
        check_annotator(annotator)
        wanted = list(dict.fromkeys(pair_ids))
        for pair_id in wanted:
            check_text("a pair_id", pair_id, MAX_ID_CHARACTERS)
        check_text("a run_id", run_id or "", MAX_ID_CHARACTERS)

        def insert(connection: Connection) -> int:
            make(connection, queue, annotator)
            row = locked(connection, queue)
            there = set(connection.scalars(select(PAIRS.c.pair_id).where(PAIRS.c.queue_id == row.id)))
            said = {"queue_id": row.id, "run_id": run_id, "added_by": annotator, "added_at": moment(now(connection))}
            new = [
                {"pair_id": one, "needed": row.overlap if lot(queue, one) < row.overlap_share else 1, **said}
                for one in wanted
                if one not in there
            ]
            if new:
                connection.execute(PAIRS.insert(), new)
            return len(new)

        return self._write(insert) if wanted else 0

    def take(
        self,
        queue: str,
        annotator: str,
        number: int,
        *,
        among: Container[str] | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> list[str]:
        """Hand out pairs until this annotator holds `number` that are open for them; asked again, the same ones.

        Pairs that the annotator has decided, or that need no more decisions, are let go. All this is one transaction.

        Args:
            queue: its name.
            annotator: who is to decide them.
            number: how many to hold.
            among: only pairs in it (those of the run on screen); None: all.
            lease_seconds: how long they are kept for the annotator without activity; at most a day.

        Returns:
            pair_ids in the queue's order, at most `number`; fewer if no more need this annotator's decision.

        Raises:
            DecisionsError: if there is no such queue, or the database refuses.
        """
        check_annotator(annotator)

        def hand_out(connection: Connection) -> list[str]:
            row, at = locked(connection, queue), now(connection)
            let_go(connection, row.id, annotator, at)
            ours = held(connection, row.id, annotator, at)
            ours = [one for one in ours if among is None or one in among][: max(number, 0)]
            new = list(islice(free(connection, row.id, annotator, at, among), max(number, 0) - len(ours)))
            lease = {"queue_id": row.id, "annotator": annotator, "until": at + lease_seconds}
            if new:
                connection.execute(LEASES.insert(), [{"pair_id": one, **lease} for one in new])
            prolong(connection, row.id, annotator, at + lease_seconds)
            return ours + new

        return self._write(hand_out)

    def held(self, queue: str, annotator: str) -> list[str]:
        """The pairs that this annotator holds, decided ones included, in the queue's order.

        Raises:
            DecisionsError: if there is no such queue, or the database cannot be read.
        """
        return self._read(lambda connection: held(connection, known(connection, queue), annotator, now(connection)))

    def renew(self, queue: str, annotator: str, lease_seconds: float = LEASE_SECONDS) -> int:
        """Keep what this annotator still holds for another while. Returns how many pairs that are.

        Raises:
            DecisionsError: if there is no such queue, or the database refuses.
        """

        def keep(connection: Connection) -> int:
            row, at = locked(connection, queue), now(connection)
            connection.execute(delete(LEASES).where(LEASES.c.queue_id == row.id, ~in_force(LEASES, at)))
            return prolong(connection, row.id, annotator, at + lease_seconds)

        return self._write(keep)

    def release(self, queue: str, annotator: str) -> int:
        """Give back what this annotator holds. Returns how many pairs that were.

        Raises:
            DecisionsError: if there is no such queue, or the database refuses.
        """

        def give_back(connection: Connection) -> int:
            queue_id, at = locked(connection, queue).id, now(connection)
            own = (LEASES.c.queue_id == queue_id) & (LEASES.c.annotator == annotator)
            number = connection.scalar(select(func.count()).where(own, in_force(LEASES, at)))
            connection.execute(delete(LEASES).where(own))
            return number

        return self._write(give_back)

    def queues(self) -> pd.DataFrame:
        """Every queue in the order they were made: name, overlap, overlap_share, made_by, made_at, pairs.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        columns = [QUEUES.c[name] for name in ("name", "overlap", "overlap_share", "made_by", "made_at")]
        number = select(func.count()).where(PAIRS.c.queue_id == QUEUES.c.id).scalar_subquery().label("pairs")
        return self._frame(lambda _: select(*columns, number).order_by(QUEUES.c.id))

    def pairs(self, queue: str) -> pd.DataFrame:
        """What was put into a queue, in its order: pair_id, needed, run_id, added_by, added_at.

        Raises:
            DecisionsError: if there is no such queue, or the database cannot be read.
        """
        columns = [PAIRS.c[name] for name in ("pair_id", "needed", "run_id", "added_by", "added_at")]
        return self._frame(
            lambda connection: select(*columns).where(PAIRS.c.queue_id == known(connection, queue)).order_by(PAIRS.c.id)
        )

    def progress(self, queue: str) -> Progress:
        """How many pairs are to do, handed out and done.

        Raises:
            DecisionsError: if there is no such queue, or the database cannot be read.
        """

        def count(connection: Connection) -> Progress:
            queue_id, at = known(connection, queue), now(connection)
            is_done, is_held = num_decided() >= PAIRS.c.needed, num_deciding(queue_id, at) > 0
            state = case((is_done, "done"), (is_held, "handed_out"), else_="to_do")
            states = select(state.label("state")).where(PAIRS.c.queue_id == queue_id).subquery()
            query = select(states.c.state, func.count()).group_by(states.c.state)
            found = dict(connection.execute(query).all())
            return Progress(sum(found.values()), *(found.get(name, 0) for name in ("to_do", "handed_out", "done")))

        return self._read(count)

    def shared(self, queue: str) -> list[str]:
        """The pairs of a queue that two or more annotators decided, in its order.

        Raises:
            DecisionsError: if there is no such queue, or the database cannot be read.
        """

        def ask(connection: Connection) -> list[str]:
            wanted = select(PAIRS.c.pair_id).where(PAIRS.c.queue_id == known(connection, queue), num_decided() > 1)
            return list(connection.scalars(wanted.order_by(PAIRS.c.id)))

        return self._read(ask)

    def at_work(self, queue: str) -> pd.DataFrame:
        """Who holds pairs: annotator, open (held and not decided by them), decided, minutes_left; by name.

        Raises:
            DecisionsError: if there is no such queue, or the database cannot be read.
        """

        def ask(connection: Connection) -> pd.DataFrame:
            queue_id, at = known(connection, queue), now(connection)
            decided = case((has_decided(LEASES.c.pair_id, LEASES.c.annotator), 1), else_=0)
            wanted = select(LEASES.c.annotator, LEASES.c.until, decided.label("decided"))
            rows = connection.execute(wanted.where(LEASES.c.queue_id == queue_id, in_force(LEASES, at))).all()
            table = pd.DataFrame(rows, columns=["annotator", "until", "decided"]).groupby("annotator", as_index=False)
            return table.agg(
                open=("decided", lambda column: int((column == 0).sum())),
                decided=("decided", "sum"),
                minutes_left=("until", lambda column: (column.max() - at) / 60),
            )

        return self._read(ask)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        with database_errors(self.place):
            return in_one_transaction(self.engine, work)

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        with database_errors(self.place), self.engine.connect() as connection:
            return work(connection)

    def _frame(self, ask: Callable[[Connection], Select]) -> pd.DataFrame:
        def read(connection: Connection) -> pd.DataFrame:
            result = connection.execute(ask(connection))
            return pd.DataFrame(result.all(), columns=list(result.keys()))

        return self._read(read)


def _check_name(queue: str) -> None:
    if not queue.strip() or queue != queue.strip():
        raise DecisionsError("the name of a queue", repr(queue), "Give it a name without spaces at its ends.")
    check_text("the name of a queue", queue, MAX_QUEUE_CHARACTERS)
