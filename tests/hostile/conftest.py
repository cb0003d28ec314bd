"""How many cases the fuzz tests of a file have tried is counted; the last test of the file tells and checks it."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "hostile",
    derandomize=True,  # the same cases every time
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


hypothesis.settings.load_profile("hostile")


@pytest.fixture(scope="module")
def cases() -> Counter[str]:
    """What a file has tried → how often."""
    return Counter()


@pytest.fixture
def number_of_cases(cases: Counter[str], request: pytest.FixtureRequest, record_property) -> int:
    """How many cases the other tests of the file have tried; what they were is printed at the end of the session."""
    defined = set(re.findall(r"^def (test_\w+)", request.path.read_text(encoding="utf-8"), re.MULTILINE))
    if defined - {item.originalname for item in request.session.items if item.path == request.path}:
        pytest.skip("only a part of this file was chosen")
    record_property("cases", dict(cases))
    return cases.total()


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """Where files that live for a moment are written: in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
