"""From tables to one data set with training, validation and test pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from engine.pairs.duplicates import duplicate_groups
from engine.pairs.ids import give_ids
from engine.pairs.pair_set import PAIR_COLUMNS, REJECT_COLUMNS, REPEATED_COLUMNS, PairSet
from engine.pairs.reading import ReadOptions
from engine.pairs.rows import Row
from engine.pairs.seen import fingerprints
from engine.pairs.tables import read_tables

Progress = Callable[[int, int], None]

HELD_OUT_SHARE = 0.1
OTHER_TABLE = "The split column says {0}, but the {0} pairs come from a table of their own."
REJECTED_TEXT_CHARACTERS = 2000
ROWS_AT_ONCE = 2**14
NUMBERS = ("pair_index", "width", "height", "row")
OF_PICTURES = ("width", "height", "content_hash", "perceptual_hash", "thumbnail")
SHARED = pa.dictionary(pa.int32(), pa.large_string())
PAIRS = pa.schema(
    (name, pa.int64() if name in NUMBERS else SHARED if name in REPEATED_COLUMNS else pa.large_string())
    for name in PAIR_COLUMNS
)


def read_pair_table(
    path: str | Path,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
    thumbnails: Path | None = None,
) -> PairSet:
    """Read and check one data set, every image included.

    Args:
        path: one file, several by a pattern, or a folder, in one of the formats of `engine.pairs.readers`.
        options: where its pictures lie, and the template of captions; None: as by default.
        progress: called with (done, total) image files.
        thumbnails: folder that gets a thumbnail of each image; None makes none.

    Returns:
        Its pairs (split from the split column, else from the folder's name, else "train") and its rejects.

    Raises:
        PairsError: if the table as a whole cannot be used.
        StorageError: if a thumbnail cannot be written.
    """
    tables, notes, facts = _read(path, None, None, options)
    pairs, rejects, more = _completed(tables, thumbnails, progress)
    return PairSet(pairs, rejects, (*notes, *more), *facts)


def load_data_set(
    pairs: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    seed: int = 0,
    options: ReadOptions | None = None,
    thumbnails: Path | None = None,
    progress: Progress | None = None,
) -> PairSet:
    """The data set of a run: all pairs of all splits in one table.

    Validation pairs are those of `validation`, else of the split column, else a tenth of the training pairs, chosen by
    the images' content and `seed`. Copies of an image, near ones too, are held out together. Without test pairs there
    are none with split "test": the validation pairs serve, and a note says so.

    Args:
        pairs: the training pairs, as for `read_pair_table`; with splits, the others too.
        validation: validation pairs; their own splits are not read.
        test: test pairs; their own splits are not read.
        seed: of the choice of held-out pairs.
        options: where the pictures of all tables lie, and the template of captions; None: as by default.
        thumbnails: folder that gets a thumbnail of each image; None makes none.
        progress: called with (done, total) image files.

    Raises:
        PairsError: if a table as a whole cannot be used.
        StorageError: if a thumbnail cannot be written.
    """
    tables, notes, facts = _read(pairs, validation, test, options)
    found, rejects, more = _completed(tables, thumbnails, progress)
    notes += more
    if not (found["split"] == "validation").any():
        found, note = _hold_out(found, seed)
        notes += note
    if not (found["split"] == "test").any():
        notes.append("There are no test pairs: the validation pairs serve as test pairs too.")
    notes += _leaks(found)
    return PairSet(found, rejects, tuple(notes), *facts)


def _read(
    pairs: str | Path, validation: str | Path | None, test: str | Path | None, options: ReadOptions | None
) -> tuple[list[tuple[str, list[Row]]], list[str], tuple[Mapping[str, str], str, int]]:
    """(split, rows) of each table, the notes; of the first table the columns, the reader's name, how many files."""
    main = read_tables(pairs, options)
    tables, notes = list(main.parts), list(main.notes)
    for split, path in (("validation", validation), ("test", test)):
        if path is None:
            continue
        for row in main.rows:
            if row.reason is None and row.split == split:
                row.reason = OTHER_TABLE.format(split)
        other = read_tables(path, options)
        for row in other.rows:
            row.split = split
        tables.append((split, other.rows))
        notes += other.notes
    return tables, notes, (main.columns, main.reader, main.files)


def _completed(
    tables: list[tuple[str, list[Row]]], thumbnails: Path | None, progress: Progress | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Pairs, rejects and notes of rows whose pictures have been seen; the tables are empty then."""
    everything = [row for _, rows in tables for row in rows]
    _see(everything, thumbnails, progress)
    notes = give_ids(tables)
    tables.clear()
    rejects = _rejects(everything)
    return _pairs(everything), rejects, notes


def _see(rows: list[Row], thumbnails: Path | None, progress: Progress | None) -> None:
    """Open every picture once and give its rows what was seen, or the reason."""
    by_picture: dict[str, list[Row]] = {}
    for row in rows:
        if row.reason is None and row.seen is None:
            by_picture.setdefault(row.picture, []).append(row)
    pictures = ((rows[0].images, rows[0].image) for rows in by_picture.values())
    seen = fingerprints(pictures, len(by_picture), thumbnails, progress)
    for same, found in zip(by_picture.values(), seen, strict=True):
        for row in same:
            if isinstance(found, str):
                row.reason = found
            else:
                row.seen = found


def _pairs(rows: list[Row]) -> pd.DataFrame:
    """By a few thousand rows, which are taken out of the list: a million are never in memory in two forms."""
    parts, number = [], 0
    while rows:
        some = [row for row in rows[:ROWS_AT_ONCE] if row.reason is None]
        del rows[:ROWS_AT_ONCE]
        parts.append(_columns(number, some))
        number += len(some)
    return pa.concat_tables([PAIRS.empty_table(), *parts]).to_pandas(split_blocks=True, self_destruct=True)


def _columns(start: int, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pydict(
        {
            "pair_id": [row.pair_id for row in rows],
            "pair_index": np.arange(start, start + len(rows)),
            "image": [row.image for row in rows],
            "caption": [row.caption for row in rows],
            "label": [row.label for row in rows],
            "split": [row.split or "train" for row in rows],
            **{name: [getattr(row.seen, name) for row in rows] for name in OF_PICTURES},
            "row": [row.number for row in rows],
            "source": [row.source for row in rows],
            "images": [row.images for row in rows],
        },
        schema=PAIRS,
    )


def _rejects(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(
        [
            (row.number, _storable(row.image), _storable(row.caption), _storable(row.reason), row.source)
            for row in rows
            if row.reason is not None
        ],
        columns=list(REJECT_COLUMNS),
    )
    return table.astype({"row": "int64"})


def _storable(text: str) -> str:
    """Text that any file can hold: what is no UTF-8 as escapes, the endless cut."""
    text = text if len(text) <= REJECTED_TEXT_CHARACTERS else text[:REJECTED_TEXT_CHARACTERS] + "…"
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _hold_out(pairs: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Move a tenth of the training pairs to validation, whole groups of copies at a time."""
    is_train = (pairs["split"] == "train").to_numpy()
    groups = duplicate_groups(pairs.loc[is_train, ["content_hash", "perceptual_hash"]])
    alone = groups < 0
    groups[alone] = groups.max(initial=-1) + 1 + np.arange(alone.sum())
    # a group is called by its least content hash: the same in every run, whatever the order of the rows
    contents = pairs.loc[is_train, "content_hash"].cat.remove_unused_categories()
    order = contents.cat.categories.argsort()
    least = pd.Series(np.argsort(order)[contents.cat.codes]).groupby(groups).min().to_numpy()
    names = contents.cat.categories[order[least]]
    lots = np.array([hashlib.sha256(f"{seed}:{one}".encode()).digest()[:8] for one in names], "S8").view(">u8")
    in_turn, sizes = np.argsort(lots, kind="stable"), np.bincount(groups)
    before = np.cumsum(sizes[in_turn]) - sizes[in_turn]
    chosen = in_turn[: len(names) - 1][before[: len(names) - 1] < HELD_OUT_SHARE * is_train.sum()]
    if not len(chosen):
        return pairs, []
    is_chosen = np.zeros(len(pairs), dtype=bool)
    is_chosen[is_train] = np.isin(groups, chosen)
    pairs = pairs.assign(split=pairs["split"].mask(is_chosen, "validation"))
    note = (
        f"No validation pairs were given: {sizes[chosen].sum()} of {is_train.sum()} training pairs, "
        f"chosen by content with seed {seed}, were held out."
    )
    return pairs, [note]


def _leaks(pairs: pd.DataFrame) -> list[str]:
    is_train, images = (pairs["split"] == "train").to_numpy(), pairs["content_hash"].cat.codes.to_numpy()
    in_train, in_others = (
        np.bincount(images[which], minlength=images.max(initial=0) + 1) > 0 for which in (is_train, ~is_train)
    )
    is_in_both = (in_train & in_others)[images]
    if not is_in_both.any():
        return []
    train, held_out = (
        list(zip(images[which], pairs["caption"][which], strict=True))
        for which in (is_in_both & is_train, is_in_both & ~is_train)
    )
    known = set(train)
    copies = sum(one in known for one in held_out)
    return [
        f"{len(held_out)} validation or test pairs show an image that is a training image too "
        f"({copies} with the same caption): the results on them look better than they are."
    ]
