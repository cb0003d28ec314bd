"""Decisions that were made elsewhere, brought into the store: our own exports, other tables, Label Studio's JSON.

A row gives pair_id and verdict (Label Studio's name for it is decision), and may give new_caption, annotator,
decided_at, seconds_spent, run_id and suspicion. Rows that cannot be understood are reported, never guessed; all others
are stored in one transaction, in the order of their time. The same row is stored once, however often it is imported.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from engine.errors import DecisionsError, EcifError
from engine.pairs.readers import reader_for
from engine.pairs.rows import as_text
from engine.review.decisions import Decision, DecisionStore
from engine.review.label_studio_rows import label_studio_rows
from engine.runs import RunFolder, finished_as, storage_errors
from engine.spreadsheets import guarded, unguarded

NAMES = {
    "pair_id": ("pair_id",),
    "verdict": ("verdict", "decision"),
    "new_caption": ("new_caption",),
    "annotator": ("annotator",),
    "decided_at": ("decided_at", "updated_at", "created_at"),
    "seconds_spent": ("seconds_spent", "lead_time"),
    "run_id": ("run_id",),
    "suspicion": ("suspicion",),
}
"""meaning → names of columns, the first that a table has"""
ACCEPTED = ".csv, .tsv, .jsonl, .parquet, .json of Label Studio"


@dataclass(frozen=True)
class Imported:
    """What became of the rows: new + known + undecided + rejected rows are all."""

    new: int
    """decisions that were stored"""
    known: int
    """decisions that were in the store already, or came before in the same file"""
    undecided: int
    """rows without a verdict, as in an export of all pairs"""
    rejects: pd.DataFrame
    """row (1 is the first row of data), pair_id as given, reason"""


def import_decisions(run: RunFolder, store: DecisionStore, path: str | Path, annotator: str) -> Imported:
    """Store the decisions of a file about the pairs of a run.

    An imported decision counts as made now: it stands over earlier ones on its pair, whatever its time says.

    Args:
        run: whose pairs they are about.
        store: gets them.
        path: .csv, .tsv, .jsonl, .parquet, or .json as Label Studio exports it.
        annotator: who decided where a row does not say.

    Raises:
        EcifError: if the file as a whole cannot be read, or the database refuses; nothing is stored then.
    """
    path = Path(path)
    pair_ids = frozenset(run.table("pairs", columns=["pair_id"])["pair_id"])
    decisions, rejects, undecided = [], [], 0
    for number, (cells, problem) in enumerate(_rows(path, pair_ids), start=1):
        try:
            if problem:
                raise DecisionsError("a row that can be read", "another", problem)
            decision = _decision(cells, pair_ids, annotator)
        except DecisionsError as error:
            reason = problem or str(error)
            rejects.append((number, _shown(cells.get("pair_id")), reason))
            continue
        undecided += decision is None
        decisions += [] if decision is None else [decision]
    stored = {_content(row) for row in store.history().to_dict("records") if row["kind"] == "decision"}
    unknown = [one for one in decisions if _content(vars(one)) not in stored]
    new = store.append(sorted(unknown, key=lambda one: one.decided_at))
    return Imported(new, len(decisions) - new, undecided, pd.DataFrame(rejects, columns=["row", "pair_id", "reason"]))


def write_rejects(rejects: pd.DataFrame, path: str | Path) -> None:
    """Write `Imported.rejects` to a .csv that no spreadsheet takes for formulas.

    Raises:
        StorageError: if the disk refuses.
    """
    with storage_errors(Path(path)), finished_as(Path(path)) as part:
        rejects.map(guarded).to_csv(part, index=False)


def _rows(path: Path, pair_ids: frozenset[str]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The cells of each row by meaning, and why it cannot be read if it cannot."""
    if not path.is_file():
        raise DecisionsError(f"a file of decisions ({ACCEPTED})", f"no file at {path}", "Check the path.")
    if path.suffix.lower() == ".json":
        yield from ((_by_meaning(cells), problem) for cells, problem in label_studio_rows(path))
        return
    try:
        yield from _table_rows(path, pair_ids)
    except OSError as error:
        raise DecisionsError("a readable file", f"{path} ({error.strerror})", "Check its permissions.") from error


def _table_rows(path: Path, pair_ids: frozenset[str]) -> Iterator[tuple[dict[str, Any], str | None]]:
    reader = reader_for(path)
    columns = reader.columns(path)
    if not {"pair_id"} & set(columns) or not {*NAMES["verdict"]} & set(columns):
        raise DecisionsError(
            "the columns pair_id and verdict", ", ".join(columns) or "none", "Rename the columns of the file so."
        )
    known = [name for names in NAMES.values() for name in names if name in columns]
    is_guarded = path.suffix.lower() in (".csv", ".tsv")
    for row in reader.rows(path, known):
        cells = dict(row.values)
        if is_guarded:
            cells = {name: _plain(cell) for name, cell in cells.items()}
            if cells.get("pair_id") not in pair_ids:  # written by others, who guard nothing
                cells["pair_id"] = row.values.get("pair_id")
        yield _by_meaning(cells), row.problem


def _plain(cell: Any) -> Any:
    """A cell without the apostrophe that guards a spreadsheet."""
    return unguarded(cell) if isinstance(cell, str) else cell


def _by_meaning(cells: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        meaning: next((cells[name] for name in names if cells.get(name) is not None), None)
        for meaning, names in NAMES.items()
    }
    if "decision" in cells and str(found["verdict"]).strip().casefold() != "relabel":
        found["new_caption"] = None  # Label Studio keeps the suggestion that the field was filled with
    return found


def _decision(cells: dict[str, Any], pair_ids: frozenset[str], annotator: str) -> Decision | None:
    """The decision of a row; None if it has no verdict.

    Raises:
        DecisionsError: if something in it cannot be understood.
    """
    given = {meaning: _text(meaning, cells[meaning]) for meaning in NAMES}
    if given["pair_id"] is None:
        raise DecisionsError("a pair_id", "none", "Fill the column.")
    if given["pair_id"] not in pair_ids:
        raise DecisionsError("the pair_id of a pair of this run", repr(given["pair_id"]), "Import it into its own run.")
    if given["verdict"] is None:
        return None
    at = _moment(given["decided_at"])
    values = {
        "pair_id": given["pair_id"],
        "verdict": given["verdict"].casefold(),
        "new_caption": given["new_caption"],
        "annotator": given["annotator"] or annotator,
    }
    content = json.dumps([*values.values(), at])
    return Decision(
        **values,
        decided_at=at or datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        client_key=f"import-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}",
        seconds_spent=_number("seconds_spent", given["seconds_spent"]),
        run_id=given["run_id"],
        suspicion=_number("suspicion", given["suspicion"]),
    )


def _text(meaning: str, cell: Any) -> str | None:
    """A cell as text; None if it is empty."""
    text = cell.isoformat() if isinstance(cell, datetime.datetime) else as_text(cell)
    if text is None:
        raise DecisionsError(f"text in {meaning}", type(cell).__name__, "Write it as text.")
    if not text.strip():
        return None
    return text.strip() if meaning in ("pair_id", "verdict") else text


def _moment(text: str | None) -> str | None:
    """A time as the store keeps it: UTC, ISO 8601; without a zone it is taken for UTC."""
    if text is None:
        return None
    try:
        read = datetime.datetime.fromisoformat(text.strip())
        read = read if read.tzinfo else read.replace(tzinfo=datetime.UTC)
        return read.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise DecisionsError("a time such as 2026-01-31T12:00:00Z", repr(text), "Write it so.") from None


def _number(meaning: str, text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        raise DecisionsError(f"a number in {meaning}", repr(text), "Write it with a decimal point.") from None


def _content(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a decision the same wherever it was stored."""
    try:
        at = _moment(row["decided_at"])
    except EcifError:
        at = row["decided_at"]
    return (*(row[name] for name in ("pair_id", "verdict", "new_caption", "annotator")), at)


def _shown(cell: Any) -> str:
    """A cell for a report; bytes that are no text are written out."""
    return "" if cell is None else str(cell)[:200].encode("utf-8", "backslashreplace").decode()
