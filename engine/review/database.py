"""The database behind the decisions: its one table, how it is opened, one writer at a time, and what its errors say.

SQLite has one writer at a time anyway. On PostgreSQL every writing transaction takes one lock first, so that both
behave alike: an undo never meets another undo of the same row, and no pair is handed out twice. Readers never wait.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from engine.errors import DecisionsError

BUSY_SECONDS = 30
ATTEMPTS = 5
KEYS_PER_QUERY = 500
"""databases take only so many values in one query"""
RETRIED_STATES = ("40001", "40P01", "42P07", "42710")
"""PostgreSQL's: another writer was faster, two writers waited for each other, somebody else just made the table"""
LOCK_NOT_AVAILABLE = "55P03"
PSYCOPG = "postgresql+psycopg"
WRITE_LOCK = 0x65636966
"""any number that no other program on the same database takes: the letters ecif"""
Result = TypeVar("Result")

TABLE = Table(
    "decisions",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("undone_id", Integer, unique=True),
    Column("pair_id", String(256), nullable=False, index=True),
    Column("verdict", String(16)),
    Column("new_caption", Text),
    Column("annotator", String(200), nullable=False),
    Column("decided_at", String(40)),
    Column("seconds_spent", Float),
    Column("run_id", String(256)),
    Column("suspicion", Float),
    Column("client_key", String(128), nullable=False, unique=True),
    sqlite_autoincrement=True,
)


def open_database(place: str | Path) -> Engine:
    """The database at `place`, made if it is new.

    Args:
        place: a file for SQLite, or an SQLAlchemy URL; postgresql:// means psycopg 3.

    Raises:
        DecisionsError: if it cannot be opened, read or made.
    """
    with database_errors(shown(place)):
        url = _address(str(place))
        engine = _engine(url)
        make_tables(engine, shown(place), TABLE.metadata)
        with engine.connect() as connection:
            connection.execute(TABLE.select().limit(1))
    return engine


def make_tables(engine: Engine, place: str, tables: MetaData) -> None:
    """Make those of `tables` that the database has not; several may try at once.

    Args:
        engine: of the database.
        place: how it is named in errors.
        tables: with all their columns.

    Raises:
        DecisionsError: if the database refuses, or has a table of this name that lacks a column.
    """
    with database_errors(place):
        if not all(inspect(engine).has_table(name) for name in tables.tables):
            in_one_transaction(engine, tables.create_all)
        found = inspect(engine)
        for name, table in tables.tables.items():
            absent = set(table.columns.keys()) - {column["name"] for column in found.get_columns(name)}
            if absent:
                raise DecisionsError(
                    f"a table {name} with the columns of this version at {place}",
                    f"one without {', '.join(sorted(absent))}",
                    "Another version or program made it: name another place with --decisions.",
                )


def shown(place: str | Path) -> str:
    """`place` as it may be printed: without passwords."""
    hidden = re.sub(r"(://[^:/@]*:).*@", r"\1***@", str(place))
    return re.sub(r"(?i)((?:password|passwd|pwd)=)[^&]*", r"\1***", hidden)


def in_one_transaction(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """What `work` returns, all of it stored or nothing; again if another writer was faster with the same key."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _once(engine, work)
        except DBAPIError as error:
            if not isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", None) not in RETRIED_STATES:
                raise
    return _once(engine, work)


def append_new(engine: Engine, place: str, table: Table, key: str, rows: Sequence[dict[str, object]]) -> int:
    """Insert rows in order, all or none; those whose key is stored already, or came before, are passed over.

    Args:
        engine: of the database.
        place: how it is named in errors.
        table: append-only.
        key: the column that names a row for good.
        rows: values by column.

    Returns:
        How many are new.

    Raises:
        DecisionsError: if the database refuses.
    """
    first: dict[object, dict[str, object]] = {}
    for row in rows:
        first.setdefault(row[key], row)
    names = list(first)

    def insert(connection: Connection) -> int:
        known: set[object] = set()
        for start in range(0, len(names), KEYS_PER_QUERY):
            part = names[start : start + KEYS_PER_QUERY]
            known.update(connection.scalars(select(table.c[key]).where(table.c[key].in_(part))))
        new = [row for name, row in first.items() if name not in known]
        if new:
            connection.execute(table.insert(), new)
        return len(new)

    with database_errors(place):
        return in_one_transaction(engine, insert) if first else 0


@contextlib.contextmanager
def database_errors(place: str) -> Iterator[None]:
    """Turn the database's refusals below this context into a sentence.

    Raises:
        DecisionsError: if the database is absent, locked for too long, damaged, read-only, full, or of an unknown kind.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise DecisionsError(
            f"the driver of the database at {place}",
            f"no module '{error.name}'",
            "For PostgreSQL: pip install 'psycopg[binary]'. For others see SQLAlchemy's list of drivers.",
        ) from error
    except (SQLAlchemyError, OSError, ImportError) as error:
        if _is_locked(error):
            raise DecisionsError(
                f"a turn to write to the store of decisions at {place}",
                f"none for {BUSY_SECONDS} seconds, because another program keeps it locked",
                "Wait for that program or end it, then try again: nothing of this was stored.",
            ) from error
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise DecisionsError(
            f"a store of decisions that can be read and written at {place}",
            f"'{cause}'",
            "Check the place, its permissions and the room on its disk, or give another with --decisions.",
        ) from error


def _is_locked(error: Exception) -> bool:
    """Whether another program kept the database for longer than anybody waits."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(cause, "sqlstate", None) == LOCK_NOT_AVAILABLE


def _once(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":  # takes the write lock before reading: waits here, never fails later
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(WRITE_LOCK)))
        return work(connection)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _durable)
        return engine
    unprepared = {"prepare_threshold": None}  # a plan kept from when the table was small reads all of it ever after
    arguments = unprepared if url.drivername == PSYCOPG else {}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True)  # survives a restart of the database
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _patient)
    return engine


def _address(place: str) -> URL:
    if "://" not in place:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(Path(place).resolve()))
    try:
        url = make_url(place.replace("postgres://", "postgresql://", 1) if place.startswith("postgres://") else place)
        return url.set(drivername=PSYCOPG) if url.drivername == "postgresql" else url
    except ValueError:  # its text may quote a part of the password
        raise DecisionsError(
            "an SQLAlchemy URL such as postgresql://user:password@host:5432/name",
            shown(place),
            "Give the port as a number, and write @ : / inside a password as %40 %3A %2F.",
        ) from None


def _patient(connection: DBAPIConnection, record: object) -> None:
    """Whoever waits for another program's lock is told so after a while."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(f"SET lock_timeout = {int(1000 * BUSY_SECONDS)}")
    connection.commit()


def _durable(connection: sqlite3.Connection, record: object) -> None:
    """An acknowledged decision survives a crash of the process or the machine."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            break
        except sqlite3.OperationalError as error:  # SQLite's own waiting does not cover this change of mode
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL").close()
