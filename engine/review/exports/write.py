"""Writing an export: whole or not at all, where it comes from beside it; and the first lines of one, to look at."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import engine
from engine.errors import ConfigError
from engine.review.decisions import DecisionStore
from engine.review.exports.formats import EXPORTS
from engine.review.exports.image_names import ImageNames
from engine.review.exports.interface import Exporter, Origin, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.label_studio import IMAGE_ROOT
from engine.review.exports.rows import DECIDED, chunks_of, distinct_values, records
from engine.runs import SIGN_CONVENTION, RunFolder, finished_as, write_json

PREVIEW_ROWS, PREVIEW_LINES, PREVIEW_CHARACTERS = 5, 12, 300


@dataclass(frozen=True)
class Preview:
    """The beginning of one file of an export."""

    name: str
    text: str
    """its first lines, long ones cut"""


def write_export(
    run: RunFolder,
    store: DecisionStore,
    format: str,
    path: str | Path,
    which: str | None = None,
    image_root: str = IMAGE_ROOT,
) -> Written:
    """Write an export to `path` and its provenance to `path.provenance.json`, both whole or neither.

    Args:
        run: gives pairs and scores.
        store: gives decisions; of several on a pair the latest counts, whoever made it.
        format: a name of `EXPORTS`.
        path: a file; for formats of several files a folder that is not there yet.
        which: a selection of `WHICH` that the format takes; its first one if None.
        image_root: put before an image's path where the format wants an address (Label Studio).

    Raises:
        ConfigError: if format or selection cannot be used, the place is a folder or the run's own table, or the format
            cannot hold the rows.
        StorageError: if the disk refuses.
    """
    path = Path(path)
    _must_be_free(path)
    exporter, chunks, origin = _prepared(run, store, format, which, image_root)
    for source in map(Path, origin.sources):
        if source.exists() and path.exists() and path.samefile(source):
            raise ConfigError("a new name", f"{path}, the table of the run", "Choose another; it is left as it is.")
    verdicts: Counter[str] = Counter()
    with _whole_or_not(path.with_name(path.name + ".provenance.json")) as said, _whole_or_not(path) as part:
        written = exporter.write(_counted(chunks, verdicts), part, origin)
        counts = {"rows": written.rows, "verdicts": dict(verdicts), "notes": list(written.notes)}
        write_json(said, {**origin.facts, **counts})
    return written


def preview(
    run: RunFolder, store: DecisionStore, format: str, which: str | None = None, image_root: str = IMAGE_ROOT
) -> tuple[Preview, ...]:
    """The first lines of each file that `write_export` would write.

    Raises:
        ConfigError: if format or selection cannot be used, or the format cannot hold the rows.
    """
    exporter, chunks, origin = _prepared(run, store, format, which, image_root)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / exporter.file_name(run)
        exporter.write((chunk.head(PREVIEW_ROWS) for chunk in _first(chunks)), path, origin)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple(Preview(one.name, _beginning(one)) for one in files)


def _prepared(
    run: RunFolder, store: DecisionStore, format: str, which: str | None, image_root: str
) -> tuple[Exporter, Iterator[pd.DataFrame], Origin]:
    if format not in EXPORTS:
        raise ConfigError(f"a format of {', '.join(EXPORTS)}", repr(format), "Choose one of these.")
    exporter = EXPORTS[format]
    which = exporter.which[0] if which is None else which
    if which not in exporter.which:
        raise ConfigError(f"for {format} one of {', '.join(exporter.which)}", repr(which), "Choose one of these.")
    revision = store.revision()  # before the rows: they hold every decision up to this one
    decided = store.current()[["pair_id", *DECIDED]].set_index("pair_id")
    sources, places = (distinct_values(run, column) for column in ("source", "images"))
    origin = Origin(run, _facts(run, revision, format, which), sources, ImageNames(places), image_root)
    return exporter, chunks_of(run, decided, which, exporter.columns, exporter.is_ranked), origin


def _facts(run: RunFolder, revision: int, format: str, which: str) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "hashes": run.record.get("hashes"),
        "ecif_version": engine.__version__,
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "format": format,
        "which": which,
        "decisions_revision": revision,
        "sign_convention": SIGN_CONVENTION,
    }


def _counted(chunks: Iterator[pd.DataFrame], verdicts: Counter[str]) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        if "verdict" in chunk:
            verdicts.update(str(verdict) for verdict in chunk["verdict"].dropna())
        yield chunk


def _first(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    found = next(chunks, None)
    if found is not None:
        yield found


def _must_be_free(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError("a new name in a folder that exists", str(path), "Make the folder, or choose another.")
    part = path.with_name(path.name + ".part")
    if part.is_dir() and not part.is_symlink():  # an export that was killed, or somebody's own: not ours to delete
        raise ConfigError(
            f"no folder where {path.name} is written until it is whole",
            str(part),
            "Delete it if an export that was broken off left it there, or choose another name.",
        )


@contextlib.contextmanager
def _whole_or_not(path: Path) -> Iterator[Path]:
    """`finished_as` that leaves nothing half written: an export is not resumed."""
    part = path.with_name(path.name + ".part")
    try:
        with finished_as(path) as place:
            yield place
    except BaseException:
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        elif os.path.lexists(part):
            part.unlink()
        raise


def _beginning(path: Path) -> str:
    if path.suffix == ".parquet":
        lines = [json_line(record) for record in records(pq.read_table(path).to_pandas())]
    else:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            lines = [line.rstrip("\n") for line, _ in zip(file, range(PREVIEW_LINES + 1), strict=False)]
    cut = [line if len(line) <= PREVIEW_CHARACTERS else line[:PREVIEW_CHARACTERS] + " …" for line in lines]
    return "\n".join(cut if len(cut) <= PREVIEW_LINES else [*cut[:PREVIEW_LINES], "…"])
