"""How many cases the fuzz tests have tried is counted and printed."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

CASES: Counter[str] = Counter()

hypothesis.settings.register_profile(
    "hostile",
    derandomize=True,  # the same cases every time
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


hypothesis.settings.load_profile("hostile")


@pytest.fixture(scope="session")
def cases() -> Counter[str]:
    """What was tried → how often."""
    return CASES


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """Where files that live for a moment are written: in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def pytest_terminal_summary(terminalreporter) -> None:
    for what, number in sorted(CASES.items()):
        terminalreporter.write_line(f"{number:7,} cases: {what}")
    if CASES:
        terminalreporter.write_line(f"{CASES.total():7,} cases in all")
