"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import RunFolderError
from engine.runs import storage_errors


@contextlib.contextmanager
def locked_folder(path: Path, expected: str) -> Iterator[None]:
    """Make the folder if need be and keep every other process out of it; the lock goes with the process.

    Args:
        path: of the folder.
        expected: the words of the error, for example "a run that nobody else is computing".

    Raises:
        RunFolderError: if another process has it.
        StorageError: if the folder cannot be made.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RunFolderError(
                expected, f"{path}, which another process has locked", "Wait for it, or stop it first."
            ) from error
    try:
        yield
    finally:
        lock.release()
