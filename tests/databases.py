"""A real PostgreSQL server for the tests of the stores, started on a socket of its own and thrown away."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")
UNPRIVILEGED = "nobody"


def program(name: str) -> str | None:
    """Where a program of PostgreSQL lies; Debian keeps those of the server out of PATH."""
    versions = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True)
    return shutil.which(name) or (str(versions[0]) if versions else None)


def as_server(command: list[str], **options: object) -> subprocess.CompletedProcess:
    """Run a command of the server, which refuses to run as root, as somebody who may do nothing."""
    user = pwd.getpwnam(UNPRIVILEGED) if os.getuid() == 0 else None
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", timeout=120, **who, **options)


class Server:
    """A PostgreSQL server of our own. It listens on a socket in its own folder and on no port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        as_server([program("initdb"), "-D", str(self.data), "-U", "me", "-A", "trust", "-E", "UTF8", "--no-sync"])

    def start(self) -> None:
        """Start it, or start it again."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        log = self.folder / "log"
        as_server([program("pg_ctl"), "-D", str(self.data), "-w", "-l", str(log), "-o", options, "start"])

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        as_server([program("pg_ctl"), "-D", str(self.data), "-w", "-m", "immediate", "stop"])

    def new_database(self) -> str:
        """The URL of an empty database, written as a person would."""
        name = f"db{len(list(self.folder.glob('db*')))}"
        (self.folder / name).touch()
        as_server([program("createdb"), "-h", str(self.folder), "-U", "me", name])
        return f"postgresql://me:a-secret@/{name}?host={self.folder}"


@contextlib.contextmanager
def postgresql_server() -> Iterator[Server]:
    """A server that runs inside this context; the test is skipped where PostgreSQL is not installed."""
    if program("initdb") is None or program("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="ecif-pg-", dir="/tmp"))  # a socket's path must be short
    if os.getuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # the test may have stopped it
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
