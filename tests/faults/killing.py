"""Engine commands that are killed: forks of one server that has torch imported already, and what must outlive them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = [
    "engine.pipeline",
    "engine.embedding",
    "engine.scoring",
    "engine.crossfit.tables",
    "engine.neighbour_tables",
    "engine.reports",
    "engine.finetune",
    "engine.what_if",
    "engine.review.exports",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.image_processing_clip",
    "peft",
    "cleanlab",
    "faults.killing",
]
LONGEST_SECONDS = 120
tqdm.set_lock(threading.RLock())  # its lock between processes would be left behind by each that is killed
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}


@functools.cache
def server() -> ForkServerContext:
    """The server whose forks are the engine's processes; one thread each, so that they are cheap and repeatable."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    given = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    forkserver.ensure_running()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    return context


@dataclass(frozen=True)
class Moment:
    """When a process kills itself: right before a change of the folder it works in, or before the change after it."""

    event: str
    """an audit event of Python, `os.rename` or `open`"""
    name: str
    """of the file that is renamed or opened"""
    after: bool = False
    """at the change that follows instead"""
    time: int = 1
    """the first time this happens, the second, …"""


def start(*arguments: str, log: Path, dies_at: Moment | None = None, watched: Path | None = None) -> BaseProcess:
    """`ecif ARGUMENTS` in a process of its own.

    Args:
        arguments: of the command.
        log: gets what it prints.
        dies_at: it is killed at this moment.
        watched: the folder whose changes count for `dies_at`; without a moment they are written to `log`.changes.
    """
    process = server().Process(target=_command, args=(arguments, log, dies_at, watched), daemon=True)
    process.start()
    return process


def call(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """A function of a test in a process of its own."""
    process = server().Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def finished(process: BaseProcess, log: Path) -> None:
    """Wait for a process that must do what it says."""
    process.join(LONGEST_SECONDS)
    code = process.exitcode
    if code is None:
        process.kill()
    assert code == 0, log.read_text(errors="replace")[-3000:]


def killed(process: BaseProcess, seconds: float) -> bool:
    """Kill a process after some time; False if it had finished before."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join(LONGEST_SECONDS)
    return process.exitcode == -signal.SIGKILL


def _command(arguments: tuple[str, ...], log: Path, dies_at: Moment | None, watched: Path | None) -> None:
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if watched is not None:
        sys.addaudithook(_watch(watched, dies_at, log))
    from engine.cli import main

    sys.exit(main(list(arguments)))


def _watch(folder: Path, dies_at: Moment | None, log: Path):
    """An audit hook: it sees every change before it happens."""
    beginning, is_over, times = f"{folder.resolve()}{os.sep}", False, 0
    changes = os.open(f"{log}.changes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def hook(event: str, values: tuple) -> None:
        nonlocal is_over, times
        writes = event == "open" and isinstance(values[1], str) and set(values[1]) & set("wax+")
        if not (writes or event in CHANGES) or not isinstance(values[0], str | os.PathLike):
            return
        path = os.fspath(values[0])
        if not str(path).startswith(beginning):
            return
        if is_over:
            os.kill(os.getpid(), signal.SIGKILL)
        name = Path(path).name
        if dies_at is None:
            os.write(changes, f"{event} {name}\n".encode())
        elif (event, name) == (dies_at.event, dies_at.name):
            times += 1
            is_over = times == dies_at.time
            if is_over and not dies_at.after:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def changes_of(log: Path) -> list[tuple[str, str]]:
    """The changes that a watched process made, in order: event and file name."""
    lines = Path(f"{log}.changes").read_text().splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder by its path; unfinished ones and those that say when are left out.

    A `.seen` is a part of a step that is unfinished.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and ".part" not in name and path.suffix != ".seen" and path.name not in TELL_TIME:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


TELL_TIME = {"record.json", "progress.json", "config.json", ".lock", "finetune.json", "checkpoint.safetensors"}


@contextlib.contextmanager
def never_twice(folder: Path, names: tuple[str, ...]) -> Iterator[None]:
    """Files that have their name before this block are the same files, untouched, after it."""
    before = {name: _file(folder / name) for name in names if (folder / name).exists()}
    yield
    for name, stamp in before.items():
        assert (folder / name).exists(), f"{name} was finished, and a kill took it away"
        assert _file(folder / name) == stamp, f"{name} was finished, and was written again"


def _file(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns
