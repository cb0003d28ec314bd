"""A run of hostile captions and file names, and decisions on it."""

from pathlib import Path

import pytest
from exported import Setting, decided_store, hostile_run, hostile_table, write_source


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Its one table lies in tmp_path/data as pairs.csv, with its images."""
    source, table = tmp_path / "data" / "pairs.csv", hostile_table(tmp_path / "data")
    write_source(source, table)
    run = hostile_run(tmp_path / "runs" / "r-1", {str(source): table})
    return Setting(run, decided_store(tmp_path / "runs" / "decisions.sqlite"), table, tmp_path)
