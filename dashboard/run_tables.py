"""The finished tables of a run, asked by SQL: only what a page shows is ever read. No Streamlit here.

Every table of the run folder is a view of the same name over its Parquet file; `ranked` (see `engine.ranked_table`) is
the one for lists. Values are always bound as parameters; names of columns come from our own constants, never from the
address. The database is in memory, reads no file but these, keeps its settings, and answers several threads at once.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from engine.errors import EcifError, OutOfMemory, RunFolderDamaged, RunFolderPartial
from engine.ranked_table import quoted, quoted_texts, threads
from engine.run_checks import AGAIN, ALWAYS, NUMBERS, ONE_ROW_PER_ID, TEXTS, check_inside
from engine.runs import COLUMNS, TABLES, RunFolder

MEMORY = "1GB"
ROWS_PER_BATCH = 50_000
MOST_KEPT = 64
NUMBER_OF = {"ranked": "place", "pairs": "pair_index"}
"""the number that names a row as well as its pair_id"""
NUMBER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT",
                "FLOAT", "DOUBLE", "BOOLEAN", "DECIMAL", '"NULL"')  # fmt: skip
TEXT_TYPES = ("VARCHAR", "ENUM", '"NULL"')
ASKED = re.compile(r'\b(?:FROM|JOIN) "?([a-z]+)\b')
"""the tables that a query names; keywords are written in capitals here"""
RESUMES = "Run the same command again: it resumes."


class RunTables:
    """The tables of one run at one revision; made by `RunTables.open`."""

    def __init__(self, run: RunFolder, connection: duckdb.DuckDBPyConnection, columns: dict[str, tuple[str, ...]],
                 refused: dict[str, EcifError]) -> None:  # fmt: skip
        self.run = run
        self._connection, self._columns, self._refused = connection, columns, refused
        self._lock = threading.Lock()
        self._checked: set[str] = set()
        self._kept: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def open(cls, run: RunFolder) -> RunTables:
        """Open what is finished; a damaged table is an error only when it is asked for."""
        connection = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": threads()})
        columns: dict[str, tuple[str, ...]] = {}
        refused: dict[str, EcifError] = {}
        for name in TABLES:
            if run.has_table(name):
                try:
                    columns[name] = _add_view(connection, run, name)
                except (OSError, ValueError, duckdb.Error) as error:
                    refused[name] = _damaged(run, name, error)
        allowed = [str(run.path / f"{name}.parquet") for name in columns]
        connection.execute(f"SET allowed_paths = [{quoted_texts(allowed)}]")
        connection.execute("SET temp_directory = ''")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return cls(run, connection, columns, refused)

    def has(self, table: str) -> bool:
        """Whether a table is there and readable."""
        return table in self._columns

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table.

        Raises:
            RunFolderPartial: if it is not there.
            RunFolderDamaged: if it cannot be read.
        """
        self._require(table)
        return self._columns[table]

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> pd.DataFrame:
        """What a query answers.

        Args:
            sql: over the views, in DuckDB's dialect; never with a value or a name that came from outside in it.
            parameters: for `?` by place, or for `$name` by name.

        Raises:
            RunFolderPartial: if the run lacks a table that is asked.
            RunFolderDamaged: if one cannot be read.
            OutOfMemory: if the answer needs more than `MEMORY`.
        """
        return self._asked(sql, parameters).df()

    def value(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Any:
        """The first value of the first row of a query; None if there is no row. Arguments and errors as for `rows`."""
        row = self._asked(sql, parameters).fetchone()
        return row[0] if row else None

    def count(self, table: str, where: str = "true", parameters: Sequence[object] | dict[str, object] = ()) -> int:
        """How many rows of a table fit a condition in SQL. Errors as for `rows`."""
        return int(self.value(f"SELECT count(*) FROM {quoted(table)} WHERE {where}", parameters))  # noqa: S608 - from our own constants

    def ids(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Iterator[list[str]]:
        """The first column of a query in batches of `ROWS_PER_BATCH`, for lists too long to be held at once."""
        for batch in self.batches(sql, parameters):
            yield [row[0] for row in batch]

    def batches(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Iterator[list[tuple]]:
        """The rows of a query in the same way."""
        answer = self._asked(sql, parameters)
        while batch := answer.fetchmany(ROWS_PER_BATCH):
            yield batch

    def pairs_by_id(self, pair_ids: Iterable[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of the pairs table, of any split, in the order of `pair_ids`; unknown ids are left out.

        Args:
            pair_ids: as many as a page shows.
            columns: only these, all if None; pair_id is always there.

        Returns:
            Indexed by pair_id, which is a column as well.
        """
        return self._by_id("pairs", pair_ids, columns)

    def scores_by_id(self, pair_ids: Iterable[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of the training pairs' table `ranked`: pairs, scores and signals side by side."""
        return self._by_id("ranked", pair_ids, columns)

    def keeps(self, name: str) -> bool:
        """Whether there is a table of `keep`."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return name in self._kept

    def keep(self, name: str, sql: str, given: pd.DataFrame) -> None:
        """Keep the answer of a query as a table of its own in memory; the one asked about longest ago makes room.

        Args:
            name: of the new table; nothing happens if it is there.
            sql: the query, in which `given` is a table too.
            given: what is joined to the run's tables, such as decisions.
        """
        self._require_all(sql)
        with self._lock:
            if name in self._kept:
                return
            cursor = self._connection.cursor()
            cursor.register("given", given)
            cursor.execute(_kept_as(name, sql))
            cursor.unregister("given")
            self._kept[name] = None
            while len(self._kept) > MOST_KEPT:
                cursor.execute(f"DROP TABLE {quoted(self._kept.popitem(last=False)[0])}")

    def _by_id(self, table: str, pair_ids: Iterable[str], columns: Sequence[str] | None) -> pd.DataFrame:
        wanted = list(dict.fromkeys(pair_ids))
        chosen = list(dict.fromkeys(["pair_id", *(self.columns(table) if columns is None else columns)]))
        names, number = ", ".join(map(quoted, chosen)), NUMBER_OF[table]
        # Two steps: ids have no order, so all are looked at; numbers lead to the few groups of rows that are read.
        some = f"SELECT {number} FROM {quoted(table)} WHERE pair_id IN (SELECT unnest(?::VARCHAR[]))"  # noqa: S608
        numbers = [row[0] for row in self._asked(some, [wanted]).fetchall()]
        rows = f"SELECT {names} FROM {quoted(table)} WHERE {number} IN (SELECT unnest(?::BIGINT[]))"  # noqa: S608
        found = self.rows(rows, [numbers]).set_index("pair_id", drop=False)
        return found.loc[[one for one in wanted if one in found.index]]

    def _asked(self, sql: str, parameters: Sequence[object] | dict[str, object]) -> duckdb.DuckDBPyConnection:
        with self._lock:
            cursor = self._connection.cursor()
        asked = self._require_all(sql)
        try:
            return cursor.execute(sql, _plain(parameters))
        except duckdb.OutOfMemoryException as error:
            raise OutOfMemory(f"an answer within {MEMORY}", str(error), "Narrow the list by a filter.") from error
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
            if not asked:
                raise
            raise _damaged(self.run, " or ".join(asked), error) from error

    def _require_all(self, sql: str) -> list[str]:
        """Refuse a query over tables that cannot be read; the tables it names."""
        asked = sorted(set(ASKED.findall(sql)) & set(TABLES))
        for table in asked:
            self._require(table)
        return asked

    def _require(self, table: str) -> None:
        """Refuse a table that is absent, damaged, or has one id in two rows; each is looked through once."""
        if table in self._refused:
            raise self._refused[table]
        if table not in self._columns:
            words = ("a whole run folder", AGAIN) if self.run.is_finished else (f"a finished {table} table", RESUMES)
            raise RunFolderPartial(words[0], f"{self.run.path} without {table}.parquet", words[1])
        key = ONE_ROW_PER_ID.get(table)
        if key is None or table in self._checked:
            return
        try:
            with self._lock:
                cursor = self._connection.cursor()
            full = [one for one in ALWAYS if table == "pairs"]
            counts = ", ".join([f"count(DISTINCT {key})", *(f"count({quoted(one)})" for one in full)])
            asked = f"SELECT count(*), {counts} FROM {quoted(table)}"  # noqa: S608
            number, different, *filled = cursor.execute(asked).fetchone()
            if different < number:
                raise ValueError(f"with one {key} in two rows, or a row without")
            if min(filled, default=number) < number:
                raise ValueError(f"with a row without {full[filled.index(min(filled))]}")
        except (ValueError, duckdb.Error) as error:
            self._refused[table] = _damaged(self.run, table, error)
            raise self._refused[table] from error
        self._checked.add(table)


def _kept_as(name: str, sql: str) -> str:
    """The statement that keeps the answer of a query of our own as a table."""
    return f"CREATE TABLE {quoted(name)} AS {sql}"


def _add_view(connection: duckdb.DuckDBPyConnection, run: RunFolder, name: str) -> tuple[str, ...]:
    """Make the view of a table; its columns.

    Raises:
        ValueError: which says what is wrong with it.
        duckdb.Error: if it cannot be read at all.
    """
    path = run.path / f"{name}.parquet"
    check_inside(path, run.path)
    connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet({quoted_texts([str(path)])})")  # noqa: S608
    kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {quoted(name)}").fetchall()}
    absent = [one for one in COLUMNS[name] if one not in kinds]
    if absent:
        raise ValueError(f"without {', '.join(absent)}")
    for wanted, allowed, word in ((TEXTS, TEXT_TYPES, "text"), (NUMBERS, NUMBER_TYPES, "number")):
        wrong = [one for one in wanted if one in kinds and not kinds[one].startswith(allowed)]
        if wrong:
            raise ValueError(f"with {wrong[0]} that is no {word}")
    return tuple(kinds)


def _plain(parameters: Sequence[object] | dict[str, object]) -> list[object] | dict[str, object]:
    """Numbers as Python's own; DuckDB takes no other."""
    if isinstance(parameters, dict):
        return dict(zip(parameters, _plain(list(parameters.values())), strict=True))
    return [value.item() if isinstance(value, np.generic) else value for value in parameters]


def _damaged(run: RunFolder, name: str, error: Exception) -> RunFolderDamaged:
    return RunFolderDamaged(
        f"a readable {name} table",
        f"{run.path / name}.parquet ({error})",
        f"Delete {name}.parquet and run again: only that step is repeated.",
    )
