"""The run folder: the file name is the state, and absent, partial, damaged and foreign are told apart."""

import errno
import json
from pathlib import Path

import pandas as pd
import pytest

from engine.config import RunConfig
from engine.errors import (
    RunFolderAbsent,
    RunFolderDamaged,
    RunFolderPartial,
    RunFolderVersion,
    StorageError,
)
from engine.runs import (
    COLUMNS,
    FORMAT_VERSION,
    RunFolder,
    finished_as,
    list_runs,
    storage_errors,
    write_json,
    write_table,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "runs" / "one"
    path.mkdir(parents=True)
    (path / "config.json").write_text(RunConfig(pairs="p.csv", model="hf:m").to_json())
    write_json(path / "record.json", {"format_version": FORMAT_VERSION})
    return RunFolder.open(path)


def test_a_file_gets_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), finished_as(tmp_path / "table") as part:
        part.write_text("half")
        raise RuntimeError
    assert not (tmp_path / "table").exists()
    with finished_as(tmp_path / "table") as part:
        part.write_text("whole")
    assert (tmp_path / "table").read_text() == "whole"


def test_a_half_written_folder_of_a_killed_step_is_begun_anew(folder: RunFolder) -> None:
    (folder.path / "features.part").mkdir()
    (folder.path / "features.part" / "old").touch()
    assert folder.step("features", lambda part: part.mkdir())
    assert list((folder.path / "features").iterdir()) == []
    assert not folder.step("features", lambda part: pytest.fail("a finished step is not done again"))


def test_absent_partial_damaged_and_foreign_are_different_errors(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunFolderAbsent):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(RunFolderPartial):
        folder.table("scores")
    (folder.path / "scores.parquet").write_bytes(b"no parquet")
    with pytest.raises(RunFolderDamaged):
        folder.table("scores")
    (folder.path / "record.json").write_text('{"format_version": 99}')
    with pytest.raises(RunFolderVersion, match="99"):
        RunFolder.open(folder.path)
    (folder.path / "record.json").write_text("{")
    with pytest.raises(RunFolderDamaged):
        RunFolder.open(folder.path)


def test_tables_and_the_record_read_back(folder: RunFolder) -> None:
    table = pd.DataFrame({name: ["a", "b"] for name in COLUMNS["rejects"]})
    write_table(folder.path / "rejects.parquet", table)
    pd.testing.assert_frame_equal(folder.table("rejects"), table)
    pd.testing.assert_frame_equal(folder.table("rejects", columns=["reason"]), table[["reason"]])
    before = folder.revision
    folder.update_record(steps={"scores": {"seconds": 1}})
    folder.update_record(steps={"traces": {"seconds": 2}})
    assert set(folder.record["steps"]) == {"scores", "traces"}
    assert folder.revision != before


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "full disk"), (errno.EROFS, "--out"), (errno.EACCES, "permission")]
)
def test_what_the_disk_refuses_becomes_a_sentence(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(StorageError, match=words), storage_errors(tmp_path):
        raise OSError(number, "refused")


def test_a_really_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(StorageError, match="full disk"), storage_errors(tmp_path):
        full.write_text("x" * 100_000)


def test_runs_are_listed_newest_first_and_other_folders_passed_over(folder: RunFolder) -> None:
    runs_dir = folder.path.parent
    (runs_dir / "notes").mkdir()
    assert [run.run_id for run in list_runs(runs_dir)] == ["one"]
    assert list_runs(runs_dir / "nowhere") == []
    assert json.loads((folder.path / "config.json").read_text())["pairs"] == "p.csv"
