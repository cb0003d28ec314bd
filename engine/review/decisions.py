"""The store of decisions: append-only, safe for several writers, undone by appending.

A row is a decision or an undo of an earlier row; no row is ever changed or deleted.
What stands for a pair is its latest decision that nobody has undone. An undo that found nothing to take back is kept
too, so that it takes nothing back when it comes again.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from sqlalchemy import ColumnElement, Connection, FromClause, Select, exists, func, select

from engine.errors import DecisionsError
from engine.review.database import (
    KEYS_PER_QUERY,
    TABLE,
    append_new,
    database_errors,
    in_one_transaction,
)
from engine.review.store import Store

VERDICTS = ("keep", "drop", "relabel", "unsure")
MAX_CAPTION_CHARACTERS = 10_000
MAX_NAME_CHARACTERS = 200
MAX_ID_CHARACTERS = 256
MAX_KEY_CHARACTERS = 128
CURRENT_COLUMNS = ["pair_id", "verdict", "new_caption", "annotator", "decided_at", "run_id", "suspicion"]


def check_judgement(verdict: str, annotator: str) -> None:
    """Refuse a verdict or a name that no store takes.

    Raises:
        DecisionsError: if the verdict is unknown or the annotator has no name.
    """
    if verdict not in VERDICTS:
        raise DecisionsError(f"a verdict of {', '.join(VERDICTS)}", repr(verdict), "Choose one of these.")
    check_annotator(annotator)


def check_annotator(name: str) -> None:
    """Refuse a name that no store takes.

    Raises:
        DecisionsError: if it is empty, too long, or holds what no database keeps.
    """
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS:
        raise DecisionsError(
            f"an annotator's name of 1 to {MAX_NAME_CHARACTERS} characters", f"{len(name)}", "Enter your name."
        )
    check_text("an annotator's name", name, MAX_NAME_CHARACTERS)


def check_text(what: str, text: str, most: int) -> None:
    """Refuse text that one database would keep and another would not.

    Raises:
        DecisionsError: if it is longer than `most` characters, or holds NUL or half a character.
    """
    if len(text) > most:
        raise DecisionsError(f"{what} of at most {most:,} characters", f"{len(text):,}", "Shorten it.")
    if "\0" in text:
        raise DecisionsError(f"{what} of visible characters", "one with a NUL character", "Take it out.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DecisionsError(what, "one with half a character (a lone surrogate)", "Write the text again.")


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
        check_judgement(self.verdict, self.annotator)
        caption = self.new_caption
        if (self.verdict == "relabel") != bool(caption and caption.strip()):
            raise DecisionsError(
                "a new caption with relabel and with nothing else",
                f"{self.verdict} with {'a' if caption else 'no'} caption",
                "Write the caption that fits the picture.",
            )
        if not self.pair_id or not self.client_key:
            raise DecisionsError("a pair_id and a client_key", "an empty one", "Report this: it is a fault of ours.")
        check_text("a caption", caption or "", MAX_CAPTION_CHARACTERS)
        check_text("a pair_id", self.pair_id, MAX_ID_CHARACTERS)
        check_text("a run_id", self.run_id or "", MAX_ID_CHARACTERS)
        check_text("a client_key", self.client_key, MAX_KEY_CHARACTERS)


@dataclass(frozen=True)
class DecisionStore(Store):
    """The decisions of a data set, or of several: append-only."""

    def append(self, decisions: Sequence[Decision]) -> int:
        """Store decisions in order, all or none; those already stored (same client_key) are passed over.

        Returns:
            How many are new.

        Raises:
            DecisionsError: if the database refuses.
        """
        return append_new(self.engine, self.place, TABLE, "client_key", [_row(one) for one in decisions])

    def undo(self, pair_id: str, annotator: str, client_key: str) -> bool:
        """Take back this annotator's latest decision on a pair that still stands.

        Returns:
            Whether there was one; the same if this very undo comes again, which then takes nothing back.

        Raises:
            DecisionsError: if the database refuses, or `client_key` names something else.
        """
        row = {"kind": "undo", "pair_id": pair_id, "annotator": annotator, "client_key": client_key}

        def insert(connection: Connection) -> bool:
            known = connection.execute(select(TABLE).where(TABLE.c.client_key == client_key)).mappings().first()
            if known is not None:
                _refuse_other_use(row, dict(known))
                return known["undone_id"] is not None
            mine = (TABLE.c.pair_id == pair_id) & (TABLE.c.annotator == annotator)
            latest = connection.scalar(select(func.max(TABLE.c.id)).where(mine & standing()))
            connection.execute(TABLE.insert().values(**row, undone_id=latest, decided_at=_now()))
            return latest is not None

        with database_errors(self.place):
            return in_one_transaction(self.engine, insert)

    def undo_act(self, act: str, annotator: str) -> int:
        """Take back every decision of one act of this annotator that still stands, all or none.

        An act is what was decided by one press of a key or button; its decisions' client_keys begin with its name and a
        hyphen. What others decided, or this annotator later, is left as it is.

        Args:
            act: its name.
            annotator: who acted.

        Returns:
            How many are taken back now; 0 if all were before.

        Raises:
            DecisionsError: if the database refuses, or the act has no name.
        """
        if not act:
            raise DecisionsError("the name of an act", "an empty one", "Report this: it is a fault of ours.")

        def insert(connection: Connection) -> int:
            rows = select(TABLE.c.id, TABLE.c.pair_id).where((TABLE.c.annotator == annotator) & standing())
            taken = connection.execute(rows.where(of_act(act)).order_by(TABLE.c.id)).all()
            undos = [
                {"kind": "undo", "undone_id": number, "pair_id": pair_id, "annotator": annotator, "decided_at": _now(),
                 "client_key": f"undo-act-{number}"}
                for number, pair_id in taken
            ]  # fmt: skip
            if undos:
                connection.execute(TABLE.insert(), undos)
            return len(undos)

        with database_errors(self.place):
            return in_one_transaction(self.engine, insert)

    def current(self, pair_ids: Collection[str] | None = None) -> pd.DataFrame:
        """What stands, over all annotators.

        Args:
            pair_ids: only these pairs; all if None.

        Returns:
            `CURRENT_COLUMNS`, one row per decided pair, in order of decision.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        return self._latest(standing(), pair_ids, TABLE.c.pair_id)

    def by_annotator(self, annotator: str | None = None, pair_ids: Collection[str] | None = None) -> pd.DataFrame:
        """What stands of each annotator: their latest decision on a pair that they have not taken back.

        Args:
            annotator: only theirs; everyone's if None.
            pair_ids: only these pairs; all if None.

        Returns:
            `CURRENT_COLUMNS`, one row per pair and annotator, in order of decision.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        theirs = standing() if annotator is None else standing() & (TABLE.c.annotator == annotator)
        return self._latest(theirs, pair_ids, TABLE.c.pair_id, TABLE.c.annotator)

    def history(self, pair_id: str | None = None) -> pd.DataFrame:
        """Every decision and every undo that took one back, in order; of one pair if `pair_id` is given.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        took_back = (TABLE.c.kind == "decision") | TABLE.c.undone_id.is_not(None)
        query = select(TABLE).where(took_back).order_by(TABLE.c.id)
        return self._frame(query if pair_id is None else query.where(TABLE.c.pair_id == pair_id))

    def revision(self) -> int:
        """The number of rows ever written: a key for caches.

        Rows are only ever added, so two readers who count the same number see the same rows. The highest id would not
        do: of two writers the one with the higher id may be the first whose row is seen.

        Raises:
            DecisionsError: if the database cannot be read.
        """
        with database_errors(self.place), self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(TABLE))

    def _latest(
        self, rows: ColumnElement[bool], pair_ids: Collection[str] | None, *of_each: ColumnElement[str]
    ) -> pd.DataFrame:
        """`CURRENT_COLUMNS` of the latest of `rows` for each value of `of_each`."""
        few = pair_ids is not None and len(pair_ids) <= KEYS_PER_QUERY
        if few:
            rows &= TABLE.c.pair_id.in_(list(pair_ids))
        latest = select(func.max(TABLE.c.id)).where(rows).group_by(*of_each)
        columns = [TABLE.c[name] for name in CURRENT_COLUMNS]
        table = self._frame(select(*columns).where(TABLE.c.id.in_(latest)).order_by(TABLE.c.id))
        if pair_ids is None or few:
            return table
        return table[table["pair_id"].isin(set(pair_ids))].reset_index(drop=True)

    def _frame(self, query: Select) -> pd.DataFrame:
        with database_errors(self.place), self.engine.connect() as connection:
            result = connection.execute(query)
            table = pd.DataFrame(result.all(), columns=list(result.keys()), dtype=object)
            return table.where(table.notna(), None)


def _row(decision: Decision) -> dict[str, object]:
    """A row of the table; numbers as Python's own, since SQLite keeps NumPy's as bytes, and NaN as nothing."""
    values = asdict(decision)
    numbers = {name: values[name] for name in ("seconds_spent", "suspicion")}
    plain = {name: None if number is None or number != number else float(number) for name, number in numbers.items()}
    return {"kind": "decision", **values, **plain}


def _refuse_other_use(undo: dict[str, str], known: dict[str, object]) -> None:
    # the annotator may be another: a log comes again under a name that was changed meanwhile
    if any(known[name] != undo[name] for name in ("kind", "pair_id")):
        raise DecisionsError(
            f"a client_key of its own for the undo on {undo['pair_id']}",
            f"one that names the {known['kind']} on {known['pair_id']}",
            "Report this: it is a fault of ours.",
        )


def of_act(act: str) -> ColumnElement[bool]:
    """Rows whose client_key begins with the act's name and a hyphen; LIKE would take A for a in SQLite."""
    return func.substr(TABLE.c.client_key, 1, len(act) + 1) == f"{act}-"


def standing(rows: FromClause = TABLE) -> ColumnElement[bool]:
    """Which rows of the table, or of an alias of it, are decisions that no later row undoes."""
    later = TABLE.alias()
    undone = exists().where(later.c.undone_id == rows.c.id).correlate_except(later)
    return (rows.c.kind == "decision") & ~undone


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
