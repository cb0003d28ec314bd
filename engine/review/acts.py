"""Acts: many pairs decided at once, and the latest of them, which can be taken back in one step."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select

from engine.review.database import TABLE, database_errors
from engine.review.decisions import DecisionStore, of_act, standing

BULK = "bulk"
NAME_CHARACTERS = len(f"{BULK}-") + 32


@dataclass(frozen=True)
class Act:
    """Decisions made with one press of a button that still stand."""

    name: str
    """for `DecisionStore.undo_act`"""
    verdict: str
    """of its decisions"""
    num_pairs: int
    """how many of its decisions still stand"""
    decided_at: str
    """UTC, ISO 8601"""
    run_id: str | None
    """the run that was on screen"""


def new_act() -> str:
    """The name of a new act; `f"{name}-{number}"` are the client_keys of its decisions."""
    return f"{BULK}-{uuid.uuid4().hex}"


def last_act(store: DecisionStore, annotator: str) -> Act | None:
    """The latest act of a person of which something still stands; None if there is none.

    Raises:
        DecisionsError: if the database cannot be read.
    """
    columns = (TABLE.c.client_key, TABLE.c.verdict, TABLE.c.decided_at, TABLE.c.run_id)
    own = (TABLE.c.annotator == annotator) & standing()
    with database_errors(store.place), store.engine.connect() as connection:
        latest = connection.execute(
            select(*columns).where(own & of_act(BULK)).order_by(TABLE.c.id.desc()).limit(1)
        ).first()
        if latest is None:
            return None
        name = latest.client_key[:NAME_CHARACTERS]
        count = connection.scalar(select(func.count()).select_from(TABLE).where(own & of_act(name)))
    return Act(name, latest.verdict, count, latest.decided_at, latest.run_id)
