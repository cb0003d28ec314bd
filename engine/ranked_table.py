"""The training pairs in the order of suspicion, with all that a list filters, sorts and shows: `ranked.parquet`.

One row per training pair, columns: place (1, 2, … in the order of suspicion_rank, ties in table order), `OF_PAIRS`, the
captions with case folded away (caption_folded, for searching), every score, and, where the run is cross-fitted, every
signal that is not a score. Row groups are small, so that a page of the list reads little.

The join and the sort are DuckDB's: what does not fit into `MEMORY` goes to disk, so a million pairs need no more memory
than ten thousand. No torch here.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import RunFolderDamaged
from engine.runs import RunFolder, finished_as

OF_PAIRS = ("pair_id", "pair_index", "image", "images", "caption", "label", "split", "width", "height", "thumbnail")
TEXT_COLUMNS = ("label", "reason", "suggested_caption")
"""may be empty in all rows"""
ROWS_PER_GROUP = 20_480
MEMORY = "1GB"
MOST_THREADS = 4
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
REFUSALS = (*((number, os.strerror(number)) for number in DISK), (errno.ENOSPC, "max_temp_directory_size"))
"""the system's numbers of what a disk refuses, and how DuckDB words it"""


def write_ranked(run: RunFolder, report: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Write `ranked.parquet` from the finished tables of pairs, signals and scores.

    Args:
        run: whose scores are finished.
        report: is told when it is done; there is no part to tell of.

    Raises:
        RunFolderDamaged: if one of the three cannot be read.
        StorageError: if the disk is full, read-only, or gives no permission.
    """
    spill = run.path / "ranked.spill.part"
    with finished_as(run.path / "ranked.parquet") as part:
        shutil.rmtree(spill, ignore_errors=True)  # of a process that was killed
        settings = {"memory_limit": MEMORY, "temp_directory": str(spill), "threads": threads()}
        try:
            with duckdb.connect(":memory:", config=settings) as connection:
                connection.create_function("casefold", _casefolded, ["VARCHAR"], "VARCHAR", type="arrow")
                connection.execute(_copy(run, part))
        except duckdb.Error as error:
            refused = next((number for number, words in REFUSALS if words in str(error)), None)
            if refused is not None:
                raise OSError(refused, os.strerror(refused)) from error
            if isinstance(error, duckdb.OutOfMemoryException):
                raise MemoryError(str(error)) from error
            raise RunFolderDamaged(
                "readable tables of pairs, signals and scores",
                f"{run.path} ({error})",
                "Delete the damaged one and run again: only that step and those after it are repeated.",
            ) from error
        finally:
            shutil.rmtree(spill, ignore_errors=True)
    report(1, 1)


def threads() -> int:
    """Threads for DuckDB: what this process may use, at most `MOST_THREADS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_THREADS)


def quoted(text: str, mark: str = '"') -> str:
    """A name for SQL; with `'` as `mark` a text."""
    return f"{mark}{text.replace(mark, 2 * mark)}{mark}"


def quoted_texts(texts: Iterable[str]) -> str:
    """Texts for SQL, with commas between them; for statements that take no parameters."""
    return ", ".join(quoted(text, "'") for text in texts)


def _copy(run: RunFolder, part: Path) -> str:
    pairs, scores, signals = (run.path / f"{name}.parquet" for name in ("pairs", "scores", "signals"))
    there = _columns(pairs)
    chosen = [_chosen("p", one) for one in OF_PAIRS if one in there]
    of_scores = [one for one in _columns(scores) if one not in OF_PAIRS]
    chosen += ["casefold(p.caption::VARCHAR) AS caption_folded", *(_chosen("s", one) for one in of_scores)]
    joined = f"read_parquet({_text(scores)}) s JOIN read_parquet({_text(pairs)}) p USING (pair_id)"
    if run.has_table("signals") and run.record.get("detection", {}).get("is_cross_fitted"):
        chosen += [_chosen("g", one) for one in _columns(signals) if one not in {*OF_PAIRS, *of_scores}]
        joined += f" LEFT JOIN read_parquet({_text(signals)}) g USING (pair_id)"
    names = ", ".join(chosen)  # of columns, quoted; paths are quoted as texts
    ordered = f"SELECT {names} FROM {joined} ORDER BY s.suspicion_rank, p.pair_index"  # noqa: S608
    placed = f"SELECT row_number() OVER () AS place, * FROM ({ordered})"  # noqa: S608
    return f"COPY ({placed}) TO {_text(part)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_PER_GROUP})"


def _chosen(table: str, name: str) -> str:
    """A column for SQL; texts are said to be such, since a column without any value has no kind of its own."""
    column = f"{table}.{quoted(name)}"
    return f"{column}::VARCHAR AS {quoted(name)}" if name in TEXT_COLUMNS else column


def _columns(path: Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise RunFolderDamaged(
            f"a readable {path.name}", f"{path} ({error})", f"Delete {path.name} and run again."
        ) from error


def _casefolded(texts: pa.Array) -> pa.Array:
    return pa.array([None if text is None else text.casefold() for text in texts.to_pylist()], pa.string())


def _text(path: Path) -> str:
    return quoted(str(path), "'")
