"""What all stores share: one database, opened with the tables of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from sqlalchemy import Engine, MetaData

from engine.review.database import make_tables, open_database, shown


@dataclass(frozen=True)
class Store:
    """An opened store in the database of the decisions; threads and processes may share that database.

    Args:
        engine: SQLAlchemy's.
        place: how the store is named in errors.
    """

    engine: Engine
    place: str
    TABLES: ClassVar[MetaData | None] = None
    """tables of its own beside the decisions; None without any"""

    @classmethod
    def open(cls, place: str | Path) -> Self:
        """Open the store; database and tables are made if they are new.

        Args:
            place: a file for SQLite, or an SQLAlchemy URL.

        Raises:
            DecisionsError: if the database cannot be opened, read or made.
        """
        engine = open_database(place)
        if cls.TABLES is not None:
            make_tables(engine, shown(place), cls.TABLES)
        return cls(engine, shown(place))
