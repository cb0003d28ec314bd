"""Folders that Hugging Face `datasets` saved with `save_to_disk`: one data set, or one per split.

    folder/dataset_info.json  state.json  data-00000-of-00001.arrow

    folder/dataset_dict.json  train/…  validation/…  test/…

The Arrow files are read as they are, so `datasets` need not be installed, and pictures are not decoded on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine.errors import PairsError
from engine.pairs.places.hf_folder import is_saved, saved_tables
from engine.pairs.readers.arrow_pictures import Layout, binary_columns, cells_of, layout_of, rows_of, text_columns
from engine.pairs.readers.interface import RawRow
from engine.pairs.readers.parquet import ROWS_AT_ONCE


class HfDatasetsReader:
    """A `Dataset`, or a `DatasetDict` whose splits become the splits of the pairs."""

    name = "a Hugging Face data set (save_to_disk)"
    accepts = "a folder that Hugging Face datasets saved"

    def takes(self, path: Path) -> bool:
        """Whether the folder is one of the two."""
        return path.is_dir() and (is_saved(path) or (path / "dataset_dict.json").is_file())

    def columns(self, path: Path) -> list[str]:
        """The features; a column with pictures is called image, and the splits of a `DatasetDict` are a column.

        Raises:
            PairsError: if the folder is damaged.
        """
        folders, names = _folders(path), dict[str, None]()
        for folder in folders.values():
            names.update(dict.fromkeys(_layout(next(saved_tables(folder)), folder).names))
        return [*(name for name in names if name != "split"), "split"] if None not in folders else list(names)

    def rows(self, path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
        """The rows of all splits.

        Raises:
            PairsError: if the folder is damaged.
        """
        for split, folder in _folders(path).items():
            start, own = 0, [name for name in columns if split is None or name != "split"]
            for table in saved_tables(folder):
                layout = _layout(table, folder)
                texts = [name for name in text_columns(own, layout) if name in table.column_names]
                for batch in table.to_batches(ROWS_AT_ONCE):
                    cells = {name: cells_of(batch.column(name)) for name in texts}
                    if len(own) < len(columns):
                        cells["split"] = [split] * batch.num_rows
                    yield from rows_of(batch, cells, layout, start, folder)
                    start += batch.num_rows


def _layout(table: pa.Table, folder: Path) -> Layout:
    first = {}
    try:
        _ = [inner.name for one in table.schema if pa.types.is_struct(one.type) for inner in one.type]  # must be text
        for name in binary_columns(table.schema):
            first[name] = next((cell.as_py() for cell in table[name] if cell.is_valid), None)
        return layout_of(table.schema, first)
    except (UnicodeDecodeError, KeyError) as error:
        raise PairsError(
            "names of columns in valid UTF-8", f"others in {folder} ({error})", "Save it again."
        ) from error


def _folders(path: Path) -> dict[str | None, Path]:
    """Split → its folder; one without a name for a single data set."""
    if is_saved(path):
        return {None: path}
    try:
        names = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        if not names or not all(isinstance(name, str) and Path(name).name == name != ".." for name in names):
            raise ValueError("no list of splits in it")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PairsError(
            "a data set that `save_to_disk` wrote", f"{path / 'dataset_dict.json'} ({error})", "Save it again."
        ) from error
    return {name: path / name for name in names}
