"""The store of blind checks: what was seeded into a queue and what annotators answered. Append-only.

Two tables of their own, beside the decisions in the same database: no answer to a seeded pair can reach
`DecisionStore`, its exports or the learning, because none of these reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, select

from engine.errors import DecisionsError
from engine.review.database import append_new, database_errors
from engine.review.decisions import check_judgement
from engine.review.store import Store

METADATA = MetaData()
ITEMS = Table(
    "blind_items",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("card", String(64), nullable=False, unique=True),
    Column("image_of", String(256), nullable=False),
    Column("caption_of", String(256), nullable=False),
    Column("is_wrong", Boolean, nullable=False),
    Column("suspicion", Float),
    Column("run_id", String(256)),
)
ANSWERS = Table(
    "blind_answers",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("card", String(64), nullable=False, index=True),
    Column("verdict", String(16), nullable=False),
    Column("annotator", String(200), nullable=False),
    Column("answered_at", String(40), nullable=False),
    Column("seconds_spent", Float),
    Column("client_key", String(128), nullable=False, unique=True),
)


@dataclass(frozen=True)
class BlindItem:
    """One seeded card."""

    card: str
    """address of the card in the queue; formed like that of every other card"""
    image_of: str
    """pair_id whose image is shown, and whose pair_id is shown"""
    caption_of: str
    """pair_id whose caption is shown; another one on a known-wrong card"""
    is_wrong: bool
    """whether image and caption were put together wrongly on purpose"""
    suspicion: float | None = None
    """of this image with this caption, 0 … 1, where the run could score it"""
    run_id: str | None = None
    """the run that it was chosen in"""


@dataclass(frozen=True)
class BlindAnswer:
    """What one person said about a seeded card.

    Raises:
        DecisionsError: if the verdict is unknown or the annotator has no name.
    """

    card: str
    """of a `BlindItem`"""
    verdict: str
    """keep, drop, relabel or unsure"""
    annotator: str
    answered_at: str
    """UTC, ISO 8601"""
    client_key: str
    """names this answer for good: sent twice, it is stored once"""
    seconds_spent: float | None = None
    """time the person looked at the card"""

    def __post_init__(self) -> None:
        check_judgement(self.verdict, self.annotator)


@dataclass(frozen=True)
class BlindStore(Store):
    """An opened store of blind checks."""

    TABLES = METADATA

    def seed(self, items: Sequence[BlindItem]) -> int:
        """Store cards; those already stored are passed over. Returns how many are new.

        Raises:
            DecisionsError: if the database refuses.
        """
        return self._append(ITEMS, "card", [asdict(item) for item in items])

    def answer(self, answers: Sequence[BlindAnswer]) -> int:
        """Store answers; those already stored (same client_key) are passed over. Returns how many are new.

        Raises:
            DecisionsError: if one answers a card that was not seeded, or the database refuses.
        """
        strange = {one.card for one in answers} - set(self.items()["card"])
        if strange:
            raise DecisionsError("an answer to a seeded card", min(strange), "Store other verdicts as decisions.")
        return self._append(ANSWERS, "client_key", [asdict(one) for one in answers])

    def items(self) -> pd.DataFrame:
        """Every seeded card: card, image_of, caption_of, is_wrong, suspicion, run_id, in order of seeding."""
        return self._frame(ITEMS)

    def answers(self) -> pd.DataFrame:
        """Every answer: card, verdict, annotator, answered_at, seconds_spent, client_key, in order."""
        return self._frame(ANSWERS)

    def _append(self, table: Table, key: str, rows: list[dict[str, object]]) -> int:
        return append_new(self.engine, self.place, table, key, rows)

    def _frame(self, table: Table) -> pd.DataFrame:
        columns = [column for column in table.c if column.name != "id"]
        with database_errors(self.place), self.engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(table.c.id)).all()
        return pd.DataFrame(rows, columns=[column.name for column in columns])
