"""Pictures in Parquet files are read in any order without decoding their row groups again and again."""

import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.pairs import picture_bytes
from engine.pairs.places import parquet, row_groups
from engine.pairs.places.row_groups import RowGroups

GROUPS, ROWS, PICTURE_BYTES = 12, 20, 5000
GROUP_BYTES = ROWS * (PICTURE_BYTES + 4) + 4


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, list[bytes]]:
    """A file of several row groups, and what is in its cells."""
    found = [np.random.default_rng(at).bytes(PICTURE_BYTES) for at in range(GROUPS * ROWS)]
    pq.write_table(pa.table({"image": found, "caption": ["a"] * len(found)}), tmp_path / "0.parquet", ROWS)
    return tmp_path / "0.parquet", found


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The row groups that are decoded; three of them are kept in memory."""
    found, cells = [], parquet._cells
    monkeypatch.setattr(
        parquet, "_cells", lambda place, group, column: found.append(group) or cells(place, group, column)
    )
    monkeypatch.setattr(parquet, "_GROUPS", RowGroups())
    monkeypatch.setattr(row_groups, "KEPT_BYTES", 3 * GROUP_BYTES + 100)
    return found


def read(pictures: tuple[Path, list[bytes]], order: list[int]) -> None:
    path, expected = pictures
    assert all(picture_bytes(path, f"image/{at + 1}") == expected[at] for at in order)


def test_in_order_each_group_is_decoded_once_and_nothing_is_written(pictures, decoded, monkeypatch) -> None:
    monkeypatch.setattr(row_groups, "_mapped", None)
    read(pictures, list(range(GROUPS * ROWS)))
    assert decoded == list(range(GROUPS))


def test_in_any_order_each_group_is_decoded_twice_at_most(pictures, decoded) -> None:
    order = list(range(GROUPS * ROWS))
    for seed in range(3):
        random.Random(seed).shuffle(order)
        read(pictures, order)
    assert GROUPS < len(decoded) <= 2 * GROUPS and set(decoded) == set(range(GROUPS))


@pytest.mark.parametrize("lacking", ["room", "disk"])
def test_without_room_for_temporary_files_groups_are_decoded_again(pictures, decoded, monkeypatch, lacking) -> None:
    def full(*of: object) -> None:
        raise OSError(28, "No space left on device")

    if lacking == "room":
        monkeypatch.setattr(row_groups, "SHARE_OF_DISK", 0)
    else:
        monkeypatch.setattr(row_groups.pa.ipc, "new_file", full)
    order = list(range(GROUPS * ROWS))
    random.Random(0).shuffle(order)
    read(pictures, order)
    assert len(decoded) > 4 * GROUPS


def test_temporary_files_are_bounded_and_leave_nothing_behind(pictures, decoded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(row_groups.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(row_groups, "MAPPED_BYTES", 5 * GROUP_BYTES)
    (tmp_path / "temporary").mkdir()
    order = list(range(GROUPS * ROWS))
    random.Random(0).shuffle(order)
    read(pictures, order)
    groups = parquet._GROUPS
    assert 1 < len(groups._mapped._columns) <= 5 and len(groups._kept._columns) <= 3
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_file_that_changed_is_read_anew(pictures, decoded, tmp_path) -> None:
    path, expected = pictures
    read(pictures, [0, 1])
    pq.write_table(pa.table({"image": expected[::-1], "caption": ["a"] * len(expected)}), tmp_path / "1.parquet", ROWS)
    shutil.move(tmp_path / "1.parquet", path)
    read((path, expected[::-1]), [0, 1])
    assert decoded == [0, 0]
