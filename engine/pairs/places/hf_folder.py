"""Pictures in a data set that Hugging Face `datasets` saved with `save_to_disk`: Arrow files, mapped into memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.errors import PairsError
from engine.pairs.images import MISSING, NO_ACCESS, RejectedImage
from engine.pairs.places.cells import cell_bytes, cell_of, is_cell
from engine.pairs.places.folder import FolderPlace

KEPT_FOLDERS = 16
_ONE_AT_A_TIME = threading.Lock()


class HfFolderPlace:
    """The folder of one split. Its pictures are named by column and row; other names are files in the folder."""

    def takes(self, place: Path) -> bool:
        """Whether it is such a folder."""
        return is_saved(place)

    def find(self, place: Path, image: str) -> str:
        """The folder and the cell, which is not looked at, or the file.

        Raises:
            RejectedImage: if there is no such column or row, and no such file.
        """
        if not is_cell(image):
            return FolderPlace().find(place, image)
        column, row = cell_of(image)
        found = _opened(place)
        if row >= found.starts[-1] or column not in found.tables[0].column_names:
            raise RejectedImage(MISSING)
        return f"{place}:{image}"

    def read(self, place: Path, image: str) -> bytes:
        """The bytes in the cell.

        Raises:
            RejectedImage: as `find`, or if the cell is empty or the file cannot be read.
        """
        if not is_cell(image):
            return FolderPlace().read(place, image)
        self.find(place, image)
        column, row = cell_of(image)
        found = _opened(place)
        file = int(np.searchsorted(found.starts, row, side="right")) - 1
        return cell_bytes(found.tables[file][column][row - int(found.starts[file])])


def is_saved(folder: Path) -> bool:
    """Whether `Dataset.save_to_disk` wrote the folder."""
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def saved_tables(folder: Path) -> Iterator[pa.Table]:
    """The tables of a saved data set in their order, mapped into memory and proven to point nowhere else.

    Raises:
        PairsError: if a file is absent or damaged.
    """
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        names = [one["filename"] for one in state["_data_files"]]
        if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
            raise ValueError("no list of Arrow files in it")
        for name in names:
            with pa.memory_map(str(folder / name)) as file, pa.ipc.open_stream(file) as stream:
                table = stream.read_all()
            for column in table.columns:
                _prove(column)
            if len(set(table.column_names)) < table.num_columns:
                raise ValueError("two columns with the same name")
            yield table
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise PairsError("a data set that `save_to_disk` wrote", f"{folder} ({reason})", "Save it again.") from error


def _prove(column: pa.ChunkedArray) -> None:
    """Damaged offsets would read other memory; whether text is UTF-8 is for the reader to say, row by row."""
    for chunk in column.chunks:
        if pa.types.is_string(chunk.type):
            chunk.view(pa.binary()).validate(full=True)
        elif pa.types.is_large_string(chunk.type):
            chunk.view(pa.large_binary()).validate(full=True)
        else:
            chunk.validate(full=True)


@dataclass(frozen=True)
class _Opened:
    tables: tuple[pa.Table, ...]
    starts: np.ndarray
    """`[tables + 1]`, the first row of each, and the number of rows"""


def _opened(place: Path) -> _Opened:
    try:
        with _ONE_AT_A_TIME:  # else every thread would map it
            return _mapped(place, (place / "state.json").stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise RejectedImage(MISSING) from error
    except (PairsError, OSError) as error:
        raise RejectedImage(NO_ACCESS) from error


@lru_cache(maxsize=KEPT_FOLDERS)
def _mapped(place: Path, modified: int) -> _Opened:
    tables = tuple(saved_tables(place))
    return _Opened(tables, np.cumsum([0, *(table.num_rows for table in tables)]))
