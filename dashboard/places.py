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


def allowed_hosts() -> tuple[str, ...]:
    """Names under which the dashboard is known, besides numbers, `localhost` and this machine's name."""
    return tuple(filter(None, os.environ.get("ECIF_ALLOWED_HOSTS", "").split(",")))


def data_folders() -> tuple[Path, ...]:
    """Folders whose pictures may be shown whatever run names them."""
    return tuple(Path(one) for one in os.environ.get("ECIF_DATA", "").split(os.pathsep) if one)


def is_local() -> bool:
    """Whether only this machine can reach the pages; if not, they start no runs and read no paths."""
    return os.environ.get("ECIF_LOCAL", "1") == "1"
