"""Shared fixtures. Tests use few threads and never the network; two processes run them, side by side."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import Server, postgresql_server
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" not in os.environ:  # both processes share it: the sample run is one process's, used by both
    STATE = tempfile.TemporaryDirectory(prefix="ecif-state-")
    os.environ["XDG_STATE_HOME"] = STATE.name  # what runs of tests remember goes with the tests


class OneBrowser(LoadFileScheduling):
    """Shares files among processes; all browser tests go to one of them, since two browsers at once are slow ones."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if "/browser/" in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> OneBrowser:
    return OneBrowser(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Keep the other process still while a test runs that is marked `alone`: it measures time or memory."""
    process = getattr(item.config, "workerinput", None)
    if process is None:
        return (yield)
    name = str(Path(tempfile.gettempdir()) / f"ecif-tests-{process['testrunuid']}")
    is_alone = item.get_closest_marker("alone") is not None
    # Who waits to be alone holds the door, so that the other process cannot go on and on.
    with open(f"{name}.door", "w") as door, open(f"{name}.room", "w") as room:  # noqa: PTH123
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    uid = getattr(session.config, "workerinput", {}).get("testrunuid")
    for name in ("door", "room") if uid else ():
        (Path(tempfile.gettempdir()) / f"ecif-tests-{uid}.{name}").unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many broken files were tried, and of which kinds."""
    reports = [one for some in terminalreporter.stats.values() for one in some if getattr(one, "when", "") == "call"]
    cases = {kind: count for one in reports for name, value in one.user_properties if name == "cases"
             for kind, count in value.items()}  # fmt: skip
    for kind, count in sorted(cases.items()):
        terminalreporter.write_line(f"{count:7,} cases: {kind}")
    if cases:
        terminalreporter.write_line(f"{sum(cases.values()):7,} cases in all")


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory):
    """The finished run of `ecif demo`, computed once for all tests that only read it, in whichever process."""
    from engine.pipeline import run
    from engine.sample import demo_config

    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "sample"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        return run(demo_config(str(folder / "runs")))


@pytest.fixture
def runs_dir(sample_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs of this test's own, with the sample run in it; where the dashboard looks."""
    folder = tmp_path / "runs"
    shutil.copytree(sample_run.path, folder / sample_run.run_id)
    monkeypatch.setenv("ECIF_RUNS_DIR", str(folder))
    monkeypatch.setenv("ECIF_DECISIONS", str(folder / "decisions.sqlite"))
    monkeypatch.setenv("ECIF_LOCAL", "1")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for all tests that need one; they are skipped where it is not installed."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a test's own stores are kept: once a file, once a database of a real PostgreSQL server."""
    if request.param == "sqlite":
        return tmp_path / "new" / "decisions.sqlite"
    return request.getfixturevalue("postgresql").new_database()
