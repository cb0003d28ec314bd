"""The rows of an export, a few thousand at a time: pairs with their standing decisions and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import RunFolderDamaged
from engine.runs import RunFolder

CHUNK_ROWS = 4096
RANKED_AT_MOST = 50_000
"""pairs; more are written in table order, so that they never are in memory at once"""

WHICH = {
    "decided": "pairs with a decision",
    "undecided": "pairs without a decision",
    "all": "every pair, decided or not",
    "clean": "every pair but the dropped ones",
    "keep": "pairs to keep",
    "drop": "pairs to drop",
    "relabel": "pairs to relabel",
    "unsure": "pairs somebody was unsure about",
}
"""selections of pairs, and what each one holds"""

DECIDED = ("verdict", "new_caption", "annotator", "decided_at")
SCORED = (
    *("suspicion", "suspicion_rank", "influence", "influence_positive", "influence_negative"),
    *("clip_score", "pair_loss", "suggested_caption"),
)
COLUMNS = ("pair_id", "image", "caption", "label", "split", *DECIDED, *SCORED, "run_id")
"""columns of the tables; formats may ask for width, height, source and row as well"""


def chunks_of(
    run: RunFolder, decided: pd.DataFrame, which: str, columns: Sequence[str], is_ranked: bool
) -> Iterator[pd.DataFrame]:
    """The chosen pairs of a run with their standing decisions.

    Args:
        run: gives pairs, and scores where a column or the order needs them.
        decided: `DECIDED`, indexed by pair_id; pairs of other data sets are passed over.
        which: a name of `WHICH`.
        columns: of the pairs table, `DECIDED`, `SCORED` and run_id.
        is_ranked: most suspicious first, unless more than `RANKED_AT_MOST` pairs are chosen; else in table order.

    Yields:
        At most `CHUNK_ROWS` rows with `columns`; undecided pairs have no verdict, pairs outside the training split no
        scores.

    Raises:
        RunFolderPartial: if a table is not there yet.
        RunFolderDamaged: if one cannot be read.
    """
    scored = {*columns} & {*SCORED} | ({"suspicion_rank"} if is_ranked else set())
    scores = _scores(run, [name for name in SCORED if name in scored]) if scored else None
    of_pairs = [name for name in columns if name not in (*DECIDED, *SCORED, "run_id")]
    found = _joined(run, decided, which, of_pairs, scores)
    ordered = _most_suspicious_first(found) if is_ranked else found
    return (chunk.assign(run_id=run.run_id)[list(columns)] for chunk in ordered)


def pair_chunks(run: RunFolder, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Columns of the pairs table in table order, at most `CHUNK_ROWS` rows at a time.

    Raises:
        RunFolderPartial: if it is not there yet.
        RunFolderDamaged: if it cannot be read.
    """
    run.table("pairs", columns=["pair_index"])  # says what is wrong with a table that is absent or damaged
    path = run.path / "pairs.parquet"
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            absent = [name for name in columns if name not in file.schema_arrow.names]
            if absent:
                raise pa.ArrowInvalid(f"without {', '.join(absent)}")
            for batch in file.iter_batches(CHUNK_ROWS, columns=list(columns)):
                yield batch.to_pandas()[list(columns)]
    except (OSError, pa.ArrowException) as error:
        raise RunFolderDamaged("a readable pairs table", f"{path} ({error})", "Delete it and run again.") from error


def distinct_values(run: RunFolder, column: str) -> tuple[str, ...]:
    """The different values of a column of the pairs table, in the order of the pairs.

    Raises:
        RunFolderPartial: if the table is not there yet.
        RunFolderDamaged: if it cannot be read.
    """
    found: dict[str, None] = {}
    for chunk in pair_chunks(run, [column]):
        found.update(dict.fromkeys(chunk[column].unique()))
    return tuple(found)


def records(chunk: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a chunk as plain values, None where a value is missing."""
    return chunk.astype(object).where(chunk.notna(), None).to_dict("records")


def final_caption(record: dict[str, Any]) -> str:
    """The caption of a pair after the decision on it."""
    return record["new_caption"] if record["verdict"] == "relabel" else record["caption"]


def _scores(run: RunFolder, columns: list[str]) -> pd.DataFrame:
    run.table("scores", columns=["pair_id"])  # says what is wrong with a table that is absent or damaged
    known = set(pq.read_schema(run.path / "scores.parquet").names)
    scores = run.table("scores", columns=["pair_id", *(name for name in columns if name in known)])
    return scores.set_index("pair_id").reindex(columns=columns)


def _joined(
    run: RunFolder, decided: pd.DataFrame, which: str, columns: list[str], scores: pd.DataFrame | None
) -> Iterator[pd.DataFrame]:
    tables = [decided] if scores is None else [decided, scores]
    for chunk in pair_chunks(run, columns):
        chunk = chunk[_is_chosen(which, chunk["pair_id"].map(decided["verdict"]))]
        if chunk.empty:
            continue
        chunk = chunk.reset_index(drop=True)
        # by the index, which is hashed once: a join would look at every score again for every chunk
        beside = [table.reindex(chunk["pair_id"]).reset_index(drop=True) for table in tables]
        chunk = pd.concat([chunk, *beside], axis=1)
        if "suspicion_rank" in chunk:
            chunk["suspicion_rank"] = chunk["suspicion_rank"].astype("Int64")
        yield chunk


def _is_chosen(which: str, verdict: pd.Series) -> pd.Series:
    if which == "decided":
        return verdict.notna()
    if which == "undecided":
        return verdict.isna()
    if which == "all":
        return pd.Series(True, index=verdict.index)
    return verdict.ne("drop") if which == "clean" else verdict.eq(which)


def _most_suspicious_first(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    held: list[pd.DataFrame] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) > RANKED_AT_MOST:
            yield from held
            yield from chunks
            return
    if held:
        table = pd.concat(held, ignore_index=True)
        held.clear()
        table = table.sort_values("suspicion_rank", kind="stable", na_position="last", ignore_index=True)
        for start in range(0, len(table), CHUNK_ROWS):
            yield table.iloc[start : start + CHUNK_ROWS].reset_index(drop=True)
