"""The tables of the queues, beside the decisions in the same database, and the questions asked of them.

`queue_id` names a queue, `at` is the database's time in seconds. A place of a pair is taken by everyone with a standing
decision on it and by everyone who holds it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Container, Iterator

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Exists,
    Float,
    FromClause,
    Integer,
    MetaData,
    Row,
    ScalarSelect,
    String,
    Table,
    UniqueConstraint,
    delete,
    exists,
    func,
    select,
    update,
)

from engine.errors import DecisionsError
from engine.review.database import TABLE
from engine.review.decisions import MAX_ID_CHARACTERS, MAX_NAME_CHARACTERS, standing

MAX_QUEUE_CHARACTERS = 80
ROWS_PER_QUERY = 1_000

METADATA = MetaData()
QUEUES = Table(
    "review_queues",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(MAX_QUEUE_CHARACTERS), nullable=False, unique=True),
    Column("overlap", Integer, nullable=False),
    Column("overlap_share", Float, nullable=False),
    Column("made_by", String(MAX_NAME_CHARACTERS), nullable=False),
    Column("made_at", String(40), nullable=False),
)
PAIRS = Table(
    "review_queue_pairs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("queue_id", Integer, nullable=False),
    Column("pair_id", String(MAX_ID_CHARACTERS), nullable=False),
    Column("needed", Integer, nullable=False),
    Column("run_id", String(MAX_ID_CHARACTERS)),
    Column("added_by", String(MAX_NAME_CHARACTERS), nullable=False),
    Column("added_at", String(40), nullable=False),
    UniqueConstraint("queue_id", "pair_id"),
)
LEASES = Table(
    "review_leases",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("queue_id", Integer, nullable=False),
    Column("pair_id", String(MAX_ID_CHARACTERS), nullable=False),
    Column("annotator", String(MAX_NAME_CHARACTERS), nullable=False),
    Column("until", Float, nullable=False),
    UniqueConstraint("queue_id", "pair_id", "annotator"),
)


LONGEST_LEASE_SECONDS = 24 * 60 * 60


def now(connection: Connection) -> float:
    """The database's time in seconds since 1970; clocks of clients may differ."""
    read = connection.scalar(select(func.current_timestamp()))
    return (read if read.tzinfo else read.replace(tzinfo=datetime.UTC)).timestamp()


def moment(at: float) -> str:
    """A time of the database as UTC, ISO 8601."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="seconds")


def lot(queue: str, pair_id: str) -> float:
    """A number of 0 … 1 that is always the same for a pair in a queue, and else as if drawn."""
    return int.from_bytes(hashlib.sha256(f"{queue}\n{pair_id}".encode()).digest()[:8], "big") / 2**64


def make(connection: Connection, name: str, annotator: str, overlap: int = 1, overlap_share: float = 1.0) -> bool:
    """Make a queue unless there is one of this name. Returns whether it is new."""
    is_new = connection.scalar(select(QUEUES.c.id).where(QUEUES.c.name == name)) is None
    if is_new:
        values = {"overlap": overlap, "overlap_share": overlap_share, "made_by": annotator}
        connection.execute(QUEUES.insert().values(name=name, **values, made_at=moment(now(connection))))
    return is_new


def locked(connection: Connection, name: str) -> Row:
    """The row of a queue: id, overlap, overlap_share. Whoever else asks for it waits until this transaction ends."""
    wanted = select(QUEUES.c.id, QUEUES.c.overlap, QUEUES.c.overlap_share).where(QUEUES.c.name == name)
    return _found(connection.execute(wanted.with_for_update()).first(), name)


def known(connection: Connection, name: str) -> int:
    """The id of a queue."""
    return _found(connection.execute(select(QUEUES.c.id).where(QUEUES.c.name == name)).first(), name).id


def _found(row: Row | None, name: str) -> Row:
    if row is None:
        raise DecisionsError("the name of a queue", repr(name), "Make the queue first.")
    return row


def has_decided(pair_id: ColumnElement[str], annotator: ColumnElement[str] | str) -> Exists:
    """Whether this annotator has a standing decision on this pair."""
    rows = TABLE.alias()
    return (
        exists().where(rows.c.pair_id == pair_id, rows.c.annotator == annotator, standing(rows)).correlate_except(rows)
    )


def num_decided() -> ScalarSelect[int]:
    """How many annotators have a standing decision on a row of `PAIRS`."""
    rows = TABLE.alias()
    number = select(func.count(rows.c.annotator.distinct()))
    return number.where(rows.c.pair_id == PAIRS.c.pair_id, standing(rows)).correlate(PAIRS).scalar_subquery()


def num_deciding(queue_id: int, at: float) -> ScalarSelect[int]:
    """How many annotators hold a row of `PAIRS` and have still to decide it."""
    lease = LEASES.alias()
    still_to = ~has_decided(lease.c.pair_id, lease.c.annotator)
    number = select(func.count()).select_from(lease).where(_lease_on_pair(lease, queue_id, at), still_to)
    return number.correlate(PAIRS).scalar_subquery()


def is_held(queue_id: int, at: float, annotator: str) -> Exists:
    """Whether this annotator holds a row of `PAIRS`."""
    lease = LEASES.alias()
    return exists().where(_lease_on_pair(lease, queue_id, at), lease.c.annotator == annotator).correlate(PAIRS)


def held(connection: Connection, queue_id: int, annotator: str, at: float) -> list[str]:
    """What this annotator holds, in the queue's order."""
    wanted = select(PAIRS.c.pair_id).where(PAIRS.c.queue_id == queue_id, is_held(queue_id, at, annotator))
    return list(connection.scalars(wanted.order_by(PAIRS.c.id)))


def free(
    connection: Connection, queue_id: int, annotator: str, at: float, among: Container[str] | None
) -> Iterator[str]:
    """Pairs with a place left for this annotator, in the queue's order; only those in `among`."""
    open_for_them = (
        (PAIRS.c.queue_id == queue_id)
        & ~has_decided(PAIRS.c.pair_id, annotator)
        & ~is_held(queue_id, at, annotator)
        & (num_decided() + num_deciding(queue_id, at) < PAIRS.c.needed)
    )
    last = 0
    while True:
        wanted = select(PAIRS.c.id, PAIRS.c.pair_id).where(open_for_them, PAIRS.c.id > last)
        rows = connection.execute(wanted.order_by(PAIRS.c.id).limit(ROWS_PER_QUERY)).all()
        yield from (row.pair_id for row in rows if among is None or row.pair_id in among)
        if len(rows) < ROWS_PER_QUERY:
            return
        last = rows[-1].id


def let_go(connection: Connection, queue_id: int, annotator: str, at: float) -> None:
    """Forget what nobody holds any more, and what this annotator holds although nothing is left to decide there."""
    same = (PAIRS.c.queue_id == queue_id) & (PAIRS.c.pair_id == LEASES.c.pair_id)
    is_done = exists().where(same, num_decided() >= PAIRS.c.needed).correlate(LEASES)
    theirs = (LEASES.c.annotator == annotator) & (has_decided(LEASES.c.pair_id, annotator) | is_done)
    connection.execute(delete(LEASES).where(LEASES.c.queue_id == queue_id, ~in_force(LEASES, at) | theirs))


def prolong(connection: Connection, queue_id: int, annotator: str, until: float) -> int:
    """Let this annotator keep what they hold until then. Returns how many pairs that are."""
    own = (LEASES.c.queue_id == queue_id) & (LEASES.c.annotator == annotator)
    return connection.execute(update(LEASES).where(own).values(until=until)).rowcount


def in_force(lease: FromClause, at: float) -> ColumnElement[bool]:
    """Whether rows of `LEASES` count; one that ends too far ahead was made before the clock was set back."""
    return (lease.c.until > at) & (lease.c.until <= at + LONGEST_LEASE_SECONDS)


def _lease_on_pair(lease: FromClause, queue_id: int, at: float) -> ColumnElement[bool]:
    return (lease.c.queue_id == queue_id) & (lease.c.pair_id == PAIRS.c.pair_id) & in_force(lease, at)
