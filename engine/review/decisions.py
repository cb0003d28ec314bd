"""The store of decisions: append-only, safe for several writers, undone by appending.

One table, `decisions`. A row is a decision or an undo of an earlier row; no row is ever changed or deleted.
What stands for a pair is its latest decision that nobody has undone.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    Float,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from engine.errors import DecisionsError

VERDICTS = ("keep", "drop", "relabel", "unsure")
MAX_CAPTION_CHARACTERS = 10_000
MAX_NAME_CHARACTERS = 200
BUSY_SECONDS = 30
ATTEMPTS = 3
CURRENT_COLUMNS = ["pair_id", "verdict", "new_caption", "annotator", "decided_at", "run_id", "suspicion"]

_METADATA = MetaData()
_TABLE = Table(
    "decisions",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("undone_id", Integer, unique=True),
    Column("pair_id", String(256), nullable=False, index=True),
    Column("verdict", String(16)),
    Column("new_caption", Text),
    Column("annotator", String(MAX_NAME_CHARACTERS), nullable=False),
    Column("decided_at", String(40)),
    Column("seconds_spent", Float),
    Column("run_id", String(256)),
    Column("suspicion", Float),
    Column("client_key", String(128), nullable=False, unique=True),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class Decision:
    """What one person decided about one pair.

    Raises:
        DecisionsError: if a value is out of range, or a relabel has no caption.
    """

    pair_id: str
    verdict: str
    """keep, drop, relabel or unsure"""
    annotator: str
    decided_at: str
    """UTC, ISO 8601"""
    client_key: str
    """names this decision for good: sent twice, it is stored once"""
    new_caption: str | None = None
    """the right caption, with relabel only"""
    seconds_spent: float | None = None
    """time the person looked at the pair"""
    run_id: str | None = None
    """the run whose scores were on screen"""
    suspicion: float | None = None
    """the pair's suspicion in that run, 0 … 1"""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise DecisionsError(f"a verdict of {', '.join(VERDICTS)}", repr(self.verdict), "Choose one of these.")
        caption = self.new_caption
        if (self.verdict == "relabel") != bool(caption and caption.strip()):
            raise DecisionsError(
                "a new caption with relabel and with nothing else",
                f"{self.verdict} with {'a' if caption else 'no'} caption",
                "Write the caption that fits the picture.",
            )
        if caption and len(caption) > MAX_CAPTION_CHARACTERS:
            raise DecisionsError(
                f"a caption of at most {MAX_CAPTION_CHARACTERS} characters", f"{len(caption)}", "Shorten it."
            )
        if not self.annotator.strip() or len(self.annotator) > MAX_NAME_CHARACTERS:
            raise DecisionsError(
                f"an annotator's name of 1 to {MAX_NAME_CHARACTERS} characters",
                f"{len(self.annotator)}",
                "Enter your name.",
            )
        if not self.pair_id or not self.client_key:
            raise DecisionsError("a pair_id and a client_key", "an empty one", "Report this: it is a fault of ours.")


@dataclass(frozen=True)
class DecisionStore:
    """An opened store; threads and processes may share its database.

    Args:
        engine: SQLAlchemy's.
        place: how the store is named in errors.
    """

    engine: Engine
    place: str

    @classmethod
    def open(cls, place: str | Path) -> DecisionStore:
        """Open or make a store.

        Args:
            place: a file for SQLite, or an SQLAlchemy URL.

        Raises:
            DecisionsError: if the database cannot be opened, read or made.
        """
        text = str(place)
        shown = re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", text)
        with _database_errors(shown):
            if "://" in text:
                url = make_url(text)
            else:
                Path(text).parent.mkdir(parents=True, exist_ok=True)
                url = make_url(f"sqlite:///{Path(text).resolve()}")
            sqlite = url.get_backend_name() == "sqlite"
            engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if sqlite else {})
            if sqlite:
                event.listen(engine, "connect", _durable)
            _METADATA.create_all(engine)
            with engine.connect() as connection:
                connection.execute(select(_TABLE).limit(1))
        return cls(engine, shown)

    def append(self, decisions: Sequence[Decision]) -> int:
        """Store decisions in order, all or none; those already stored (same client_key) are passed over.

        Returns:
            How many are new.

        Raises:
            DecisionsError: if the database refuses.
        """
        return self._insert([{"kind": "decision", **asdict(one)} for one in decisions])

    def undo(self, pair_id: str, annotator: str, client_key: str) -> bool:
        """Take back this annotator's latest decision on a pair that still stands.

        Returns:
            Whether there was one; True as well if this very undo was stored before.

        Raises:
            DecisionsError: if the database refuses.
        """
        with _database_errors(self.place), self.engine.connect() as connection:
            if connection.scalar(select(_TABLE.c.id).where(_TABLE.c.client_key == client_key)) is not None:
                return True
            mine = (_TABLE.c.pair_id == pair_id) & (_TABLE.c.annotator == annotator)
            latest = connection.scalar(select(func.max(_TABLE.c.id)).where(mine & _standing()))
        if latest is None:
            return False
        row = {"kind": "undo", "undone_id": latest, "pair_id": pair_id, "annotator": annotator}
        return self._insert([{**row, "client_key": client_key}]) == 1

    def current(self) -> pd.DataFrame:
        """What stands: `CURRENT_COLUMNS`, one row per decided pair, in order of decision.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        latest = select(func.max(_TABLE.c.id)).where(_standing()).group_by(_TABLE.c.pair_id)
        columns = [_TABLE.c[name] for name in CURRENT_COLUMNS]
        return self._frame(select(*columns).where(_TABLE.c.id.in_(latest)).order_by(_TABLE.c.id))

    def history(self, pair_id: str | None = None) -> pd.DataFrame:
        """Every row ever written, undos included, in order; of one pair if `pair_id` is given.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        query = select(_TABLE).order_by(_TABLE.c.id)
        return self._frame(query if pair_id is None else query.where(_TABLE.c.pair_id == pair_id))

    def revision(self) -> int:
        """A number that grows with every row: a key for caches.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        with _database_errors(self.place), self.engine.connect() as connection:
            return connection.scalar(select(func.max(_TABLE.c.id))) or 0

    def _insert(self, rows: list[dict[str, object]]) -> int:
        """Insert the rows whose client_key is new, in one transaction; again if somebody was faster with one."""
        for _ in range(ATTEMPTS):
            with _database_errors(self.place), contextlib.suppress(IntegrityError), self.engine.begin() as connection:
                keys = [str(row["client_key"]) for row in rows]
                known = set(connection.scalars(select(_TABLE.c.client_key).where(_TABLE.c.client_key.in_(keys))))
                new = {row["client_key"]: row for row in rows if row["client_key"] not in known}
                for row in new.values():
                    connection.execute(_TABLE.insert().values(**row))
                return len(new)
        return 0

    def _frame(self, query: Select) -> pd.DataFrame:
        with _database_errors(self.place), self.engine.connect() as connection:
            result = connection.execute(query)
            table = pd.DataFrame(result.all(), columns=list(result.keys()), dtype=object)
            return table.where(table.notna(), None)


def _standing() -> ColumnElement[bool]:
    """Decisions that no later row undoes."""
    undone = select(_TABLE.c.undone_id).where(_TABLE.c.undone_id.is_not(None))
    return (_TABLE.c.kind == "decision") & _TABLE.c.id.not_in(undone)


def _durable(connection: sqlite3.Connection, record: object) -> None:
    """An acknowledged decision survives a crash of the process or the machine."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


@contextlib.contextmanager
def _database_errors(place: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise DecisionsError(
            f"a store of decisions that can be read and written at {place}",
            f"'{cause}'",
            "Check the place, its permissions and the room on its disk, or give another with --decisions.",
        ) from error
