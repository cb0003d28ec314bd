"""How much was tried: counted while the other files of this folder ran."""

import pytest

ENOUGH = 20_000


def test_at_least_twenty_thousand_cases_were_tried(cases, request: pytest.FixtureRequest) -> None:
    files = {item.path.name for item in request.session.items}
    if {"test_fuzz_other_files.py", "test_fuzz_pictures.py", "test_fuzz_shards.py", "test_fuzz_tables.py"} - files:
        pytest.skip("only a part of the fuzz tests was chosen")
    assert cases.total() >= ENOUGH
    assert len(cases) >= 20
