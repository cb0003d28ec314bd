"""Saved filters: named links to lists of pairs, shared by all annotators, in the database of the decisions.

A name stands for its latest link; saving under a name that is taken replaces what stood there.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, delete, select

from engine.errors import DecisionsError
from engine.review.database import database_errors, in_one_transaction
from engine.review.decisions import check_annotator, check_text
from engine.review.store import Store

MAX_NAME_CHARACTERS = 80
MAX_LINK_CHARACTERS = 10_000
TABLE = Table(
    "saved_filters",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(MAX_NAME_CHARACTERS), nullable=False, unique=True),
    Column("link", Text, nullable=False),
    Column("saved_by", String(200), nullable=False),
    Column("saved_at", String(40), nullable=False),
)


@dataclass(frozen=True)
class SavedFilter:
    """A named link."""

    name: str
    """unique"""
    link: str
    """parameters of the URL that open the list, as after the question mark"""
    saved_by: str
    """annotator"""
    saved_at: str
    """UTC, ISO 8601"""


@dataclass(frozen=True)
class SavedFilterStore(Store):
    """An opened store of saved filters."""

    TABLES = TABLE.metadata

    def save(self, name: str, link: str, saved_by: str) -> bool:
        """Keep a link under a name, in place of what stood under it.

        Args:
            name: 1 to 80 characters; spaces around it are dropped.
            link: parameters of the URL.
            saved_by: annotator.

        Returns:
            Whether the name is new.

        Raises:
            DecisionsError: if the name or the link is empty, too long or no text that a database keeps, nobody is
                named, or the database refuses.
        """
        name = name.strip()
        if not 0 < len(name) <= MAX_NAME_CHARACTERS:
            raise DecisionsError(
                f"a name of 1 to {MAX_NAME_CHARACTERS} characters", f"{len(name)}", "Choose another name."
            )
        if not name.isprintable():
            raise DecisionsError("a name of visible characters", repr(name), "Take the others out.")
        if not 0 < len(link) <= MAX_LINK_CHARACTERS:
            raise DecisionsError(
                f"filters of 1 to {MAX_LINK_CHARACTERS:,} characters", f"{len(link):,}", "Choose fewer labels."
            )
        check_text("filters", link, MAX_LINK_CHARACTERS)
        check_annotator(saved_by)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

        def replace(connection: Connection) -> bool:
            replaced = connection.execute(delete(TABLE).where(TABLE.c.name == name)).rowcount
            connection.execute(TABLE.insert().values(name=name, link=link, saved_by=saved_by, saved_at=now))
            return not replaced

        with database_errors(self.place):
            return in_one_transaction(self.engine, replace)

    def all(self) -> list[SavedFilter]:
        """Every saved filter, by name.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        columns = (TABLE.c.name, TABLE.c.link, TABLE.c.saved_by, TABLE.c.saved_at)
        with database_errors(self.place), self.engine.connect() as connection:
            rows = connection.execute(select(*columns)).all()
        return sorted((SavedFilter(*row) for row in rows), key=lambda one: one.name.casefold())

    def delete(self, name: str) -> bool:
        """Forget a saved filter; whether there was one.

        Raises:
            DecisionsError: if the database refuses.
        """
        with database_errors(self.place):
            return in_one_transaction(
                self.engine,
                lambda connection: connection.execute(delete(TABLE).where(TABLE.c.name == name)).rowcount > 0,
            )
