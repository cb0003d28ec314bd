"""Decoded columns of row groups, kept for pictures that are asked for in any order.

A picture in a Parquet file costs decoding its whole row group. The last groups are kept in memory. A group that is
asked for again after it was let go shows that pictures are not read in order: such groups go to temporary files, mapped
into memory, so that each is decoded twice at most while the files have room. Reading in order writes nothing.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Hashable

import pyarrow as pa

KEPT_BYTES = 2**29
"""decoded groups in memory; one is kept whatever its size"""
MAPPED_BYTES = 2**34
"""decoded groups in temporary files"""
SHARE_OF_DISK = 0.5
"""of the free room for temporary files, at most, that they take"""


class RowGroups:
    """Columns by their keys; for one thread at a time."""

    def __init__(self) -> None:
        self._kept, self._mapped = _Latest(), _Latest()
        self._known: set[int] = set()
        """hashes of the keys of all that was ever decoded"""

    def get(self, key: Hashable, decode: Callable[[], pa.ChunkedArray]) -> pa.ChunkedArray:
        """The column of a row group.

        Args:
            key: of the file as it is now, the group and the column.
            decode: reads it.
        """
        for those in (self._kept, self._mapped):
            if (found := those.get(key)) is not None:
                return found
        column = decode()
        if hash(key) in self._known and (mapped := _mapped(column)) is not None:
            self._mapped.add(key, mapped, MAPPED_BYTES)
            return mapped
        self._known.add(hash(key))
        self._kept.add(key, column, KEPT_BYTES)
        return column


class _Latest:
    """Columns in the order of their last use."""

    def __init__(self) -> None:
        self._columns: OrderedDict[Hashable, pa.ChunkedArray] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> pa.ChunkedArray | None:
        if key not in self._columns:
            return None
        self._columns.move_to_end(key)
        return self._columns[key]

    def add(self, key: Hashable, column: pa.ChunkedArray, most_bytes: int) -> None:
        self._columns[key] = column
        self._bytes += column.nbytes
        while self._bytes > most_bytes and len(self._columns) > 1:
            self._bytes -= self._columns.popitem(last=False)[1].nbytes


def _mapped(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The same from a temporary file that goes when it is no longer used; None where there is no room for one."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(suffix=".arrow") as file:
        if column.nbytes > SHARE_OF_DISK * shutil.disk_usage(file.name).free:
            return None
        table = pa.table({"cells": column})
        with pa.ipc.new_file(file.name, table.schema) as writer:
            writer.write_table(table)
        return pa.ipc.open_file(pa.memory_map(file.name)).read_all()["cells"]
    return None
