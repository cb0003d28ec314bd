"""A small disk of our own: a real one in memory, in a process that alone sees it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
PRIVATE, READ_ONLY, REMOUNT = 0x40000 | 0x4000, 0x1, 0x20


class SmallDisk:
    """A tmpfs of a given size over `folder`, which must exist; only this process sees it.

    Raises:
        OSError: if this machine does not let the process mount anything.
    """

    def __init__(self, folder: Path, kibibytes: int) -> None:
        self.folder, self._libc = folder, ctypes.CDLL(None, use_errno=True)
        user, group = os.getuid(), os.getgid()
        self._call("unshare", NEW_MOUNTS | (0 if user == 0 else NEW_USER))
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        self._mount("none", "/", None, PRIVATE, None)
        self._mount("tmpfs", str(folder), "tmpfs", 0, f"size={kibibytes}k")

    def resize(self, kibibytes: int) -> None:
        """Give it another size."""
        self._mount("tmpfs", str(self.folder), "tmpfs", REMOUNT, f"size={kibibytes}k")

    def make_read_only(self) -> None:
        """Nobody may write to it any more, root neither."""
        self._mount("tmpfs", str(self.folder), "tmpfs", REMOUNT | READ_ONLY, None)

    def _mount(self, source: str, target: str, kind: str | None, flags: int, options: str | None) -> None:
        texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
        self._call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._libc, name)(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
