"""Pictures that lie in the cells of a Parquet file; a row group is decoded at a time, and only their column of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.pairs.images import CUT_OFF_FILE, MISSING, NO_ACCESS, RejectedImage
from engine.pairs.places.cells import cell_bytes, cell_of
from engine.pairs.places.row_groups import RowGroups

KEPT_FILES = 1024
"""whose ends are remembered"""
MAX_GROUP_BYTES = 2**30
BIG_GROUP = (
    f"The row group that holds the image is larger than {MAX_GROUP_BYTES // 2**20} MiB; "
    "write the file with smaller row groups."
)
_ONE_AT_A_TIME = threading.Lock()
_GROUPS = RowGroups()


class ParquetPlace:
    """A Parquet file. Its pictures are named by column and row."""

    def takes(self, place: Path) -> bool:
        """Whether it is a .parquet file."""
        return place.suffix.lower() == ".parquet" and place.is_file()

    def find(self, place: Path, image: str) -> str:
        """The file and the cell. The cell is not looked at.

        Raises:
            RejectedImage: if there is no such column or row.
        """
        column, row = cell_of(image)
        facts = _opened(place)
        if column not in facts.columns or row >= facts.starts[-1]:
            raise RejectedImage(MISSING)
        return f"{place}:{image}"

    def read(self, place: Path, image: str) -> bytes:
        """The bytes in the cell.

        Raises:
            RejectedImage: as `find`, or if the cell is empty, or cannot be read.
        """
        self.find(place, image)
        column, row = cell_of(image)
        facts = _opened(place)
        group = int(np.searchsorted(facts.starts, row, side="right")) - 1
        if facts.group_bytes[group] > MAX_GROUP_BYTES:
            raise RejectedImage(BIG_GROUP)
        try:
            with _ONE_AT_A_TIME:  # else every thread would decode the same group
                cells = _GROUPS.get((*facts.key, group, column), partial(_cells, place, group, column))
            return cell_bytes(cells[row - int(facts.starts[group])])
        except IndexError as error:  # fewer rows than the end of the file says
            raise RejectedImage(CUT_OFF_FILE) from error
        except (pa.ArrowException, OSError) as error:
            raise RejectedImage(NO_ACCESS) from error


@dataclass(frozen=True)
class _Facts:
    """What the end of a file says."""

    key: tuple[Path, int, int]
    columns: frozenset[str]
    starts: np.ndarray
    """`[row groups + 1]`, the first row of each, and the number of rows"""
    group_bytes: tuple[int, ...]
    """of each row group, uncompressed"""


def _opened(place: Path) -> _Facts:
    try:
        stat = place.stat()
        return _facts(place, stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError as error:
        raise RejectedImage(MISSING) from error
    except (pa.ArrowException, OSError) as error:
        raise RejectedImage(NO_ACCESS) from error


@lru_cache(maxsize=KEPT_FILES)
def _facts(place: Path, size: int, modified: int) -> _Facts:
    with pq.ParquetFile(place) as file:
        groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
        starts = np.cumsum([0, *(group.num_rows for group in groups)])
        columns = frozenset(file.schema_arrow.names)
    return _Facts((place, size, modified), columns, starts, tuple(group.total_byte_size for group in groups))


def _cells(place: Path, group: int, column: str) -> pa.ChunkedArray:
    with pq.ParquetFile(place, pre_buffer=False) as file:
        return file.read_row_group(group, columns=[column], use_threads=False)[column]
