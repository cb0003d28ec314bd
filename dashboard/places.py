"""Where runs and decisions lie, as the command that serves the pages said."""

from __future__ import annotations

import os
from pathlib import Path


def runs_dir() -> Path:
    """The folder of runs."""
    return Path(os.environ.get("ECIF_RUNS_DIR", "ecif_runs"))


def decisions_place() -> str:
    """A file or an SQLAlchemy URL."""
    return os.environ.get("ECIF_DECISIONS") or str(runs_dir() / "decisions.sqlite")


def is_local() -> bool:
    """Whether only this machine can reach the pages; if not, they start no runs and read no paths."""
    return os.environ.get("ECIF_LOCAL", "1") == "1"
