"""Disks that are full or must not be written: one sentence, nothing finished is lost, and the next call goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import resource
import shutil
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from small_data import small_config, small_table

from engine.cli import main
from engine.errors import DecisionsError
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder, list_runs
from faults.disks import SmallDisk
from faults.killing import LONGEST_SECONDS, call, digests, server

GROWS_BY = 1.12
SMALLEST_KIBIBYTES = 24
WHEN = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    small_table(folder, 16, 8, 8)
    told = in_process(run_once, folder, folder / "runs")
    assert told[0][0] == 0, told
    return list_runs(folder / "runs")[0]


def in_process(work: Callable[..., list], *arguments: object) -> list:
    """What `work` returns in a process of its own; the test is skipped if it may not mount a disk."""
    reader, told = server().Pipe(duplex=False)
    process = call(tell, told, work, *arguments)
    told.close()
    assert reader.poll(LONGEST_SECONDS)
    found = reader.recv()
    process.join(LONGEST_SECONDS)
    if isinstance(found, str):
        pytest.skip(found)
    if isinstance(found, BaseException):
        raise found
    return found


def tell(told: Connection, work: Callable[..., list], *arguments: object) -> None:
    try:
        told.send(work(*arguments))
    except PermissionError as error:
        told.send(f"this machine lets nobody mount a disk of their own: {error}")
    except BaseException as error:
        told.send(AssertionError(repr(error)))
        raise


def run_once(folder: Path, runs_dir: Path) -> list[tuple[int, str]]:
    """`ecif run`: its exit code and what it said."""
    runs_dir.mkdir(exist_ok=True)
    path = folder / "config.json"
    path.write_text(dataclasses.replace(small_config(folder), out=str(runs_dir)).to_json())
    return [command("run", str(path))]


def command(*arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = main(list(arguments))
    return code, said.getvalue()


def fill_again_and_again(folder: Path, disk_folder: Path) -> list[tuple[int, str, dict[str, str]]]:
    """Run on a disk that is too small, then on one a little larger, until it is large enough."""
    size, told = SMALLEST_KIBIBYTES, []
    disk = SmallDisk(disk_folder, size)
    while not told or told[-1][0]:
        (one,) = run_once(folder, disk_folder)
        told.append((*one, digests(disk_folder)))
        size = int(size * GROWS_BY) + 1
        disk.resize(size)
    (run,) = list_runs(disk_folder)
    shutil.copytree(run.path, folder / "copy")
    return told


def test_a_disk_that_is_full_at_any_moment_is_one_sentence_and_the_run_goes_on(whole, tmp_path: Path) -> None:
    folder = whole.path.parent.parent
    (tmp_path / "disk").mkdir()
    told = in_process(fill_again_and_again, folder, tmp_path / "disk")
    *failed, last = told
    assert len(failed) >= 8 and last[0] == 0
    for (code, said, left), (_, _, later) in zip(failed, told[1:], strict=True):
        kept = {name: digest for name, digest in left.items() if "features.part/" not in name}  # gone on with
        assert code == 1 and "Expected room to write" in said and "a full disk" in said, said
        assert "Traceback" not in said and not [name for name in kept if name.endswith(".part")]
        assert kept.items() <= later.items(), "something finished was lost"
    reached = {name for _, _, kept in failed for name in kept}
    print(f"{len(failed)} full disks", sorted({Path(name).name for name in reached if "thumb" not in name}))
    found = digests(folder / "copy")
    shutil.rmtree(folder / "copy")
    assert found == digests(whole.path)


def read_only(folder: Path, disk_folder: Path) -> list[tuple[int, str]]:
    """A finished run on a disk that becomes read-only: read, then every command that would write to it."""
    disk = SmallDisk(disk_folder, 4_096)
    told = run_once(folder, disk_folder)
    DecisionStore.open(disk_folder / "decisions.sqlite").engine.dispose()  # an open file keeps the disk writable
    (run,) = list_runs(disk_folder)
    disk.make_read_only()
    assert len(run.table("scores")) == len(run.table("signals")) > 0 and RunFolder.open(run.path).is_finished
    told.append(command("trace", str(run.path)))
    elsewhere = ["--decisions", str(folder / "elsewhere.sqlite")]
    told.append(command("export", str(run.path), "--format", "csv", "--out", str(folder / "out.csv"), *elsewhere))
    told.append(command("export", str(run.path), "--format", "csv", "--out", str(disk_folder / "out.csv"), *elsewhere))
    told.append(command("run", str(folder / "config.json")))
    told.append(command("export", str(run.path), "--format", "csv", "--out", str(folder / "other.csv")))
    return told


def test_a_read_only_folder_is_read_as_ever_and_every_writer_says_so(whole, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    first, *reading, written, again, decided = in_process(read_only, whole.path.parent.parent, tmp_path / "disk")
    assert [code for code, _ in (first, *reading)] == [0, 0, 0], reading
    for code, said in (written, again):
        assert code == 1 and "Expected permission to write" in said and "Read-only file system" in said, said
    assert decided[0] == 1 and "Expected a store of decisions that can be read and written" in decided[1], decided


def decide_until_full(disk_folder: Path) -> list[tuple[str, int, int]]:
    """Decide until the disk takes no more, then on a larger one; what was said, and how many stood each time."""
    disk, told, number = SmallDisk(disk_folder, 200), [], 0
    for size in (260, 4_096):
        store = DecisionStore.open(disk_folder / "decisions.sqlite")
        with pytest.raises(DecisionsError) as refused:
            while True:
                store.append([Decision(f"pair-{number}", "drop", "me", WHEN, f"key-{number}")])
                number += 1
        told.append((str(refused.value), number, len(store.current())))
        disk.resize(size)
    store.append([Decision(f"pair-{number}", "drop", "me", WHEN, f"key-{number}")])
    return [*told, ("", number + 1, len(store.current()))]


def test_no_decision_is_lost_to_a_full_disk_and_the_next_one_is_taken_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    *refused, last = in_process(decide_until_full, tmp_path / "disk")
    for said, acknowledged, stored in refused:
        assert "full" in said and "the room on its disk" in said and stored == acknowledged > 0
    assert len(refused) == 2 and last[1] == last[2] > refused[1][1] > refused[0][1]


def limited(folder: Path, runs_dir: Path) -> list[tuple[int, str]]:
    """A run whose files may have so many bytes only."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    return run_once(folder, runs_dir)


def test_a_file_larger_than_the_system_allows_is_a_sentence_too(whole, tmp_path: Path) -> None:
    ((code, said),) = in_process(limited, whole.path.parent.parent, tmp_path / "runs")
    assert code == 1 and "Expected room to write" in said and "File too large" in said, said
    ((code, _),) = in_process(run_once, whole.path.parent.parent, tmp_path / "runs")
    assert code == 0 and digests(list_runs(tmp_path / "runs")[0].path) == digests(whole.path)
