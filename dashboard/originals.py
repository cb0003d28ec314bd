"""Which places a run's pictures may be read from at full size, whatever its table says. No Streamlit here."""

from __future__ import annotations

import functools
from pathlib import Path

from dashboard.places import data_folders
from engine.made_here import is_made_here
from engine.pairs import RejectedImage
from engine.runs import RunFolder

ELSEWHERE = "The run was computed elsewhere, and its folder of pictures is not among those that may be shown."
SMALL_ONLY = (
    "Only the small picture is shown: this run was computed elsewhere. If you trust it, start the dashboard with "
    "`ecif dashboard --data FOLDER`, where FOLDER holds its pictures."
)


def check_place(run: RunFolder, place: str) -> None:
    """Refuse to read pictures for a run from a place that neither this user's own run nor `--data` names.

    Args:
        run: whose table says where its pictures lie.
        place: what it says.

    Raises:
        RejectedImage: if a stranger's run could have made it up.
    """
    if not may_be_read(run, place):
        raise RejectedImage(ELSEWHERE)


def may_be_read(run: RunFolder, place: str) -> bool:
    """Whether pictures in a place that a run's table names may be read."""
    try:
        stat = (run.path / "pairs.parquet").stat()
        if _is_made_here(run.path, stat.st_mtime_ns, stat.st_size):
            return True
        return any(Path(place).resolve().is_relative_to(one) for one in data_folders())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, links in a circle
        return False


@functools.lru_cache(maxsize=64)
def _is_made_here(path: Path, modified_ns: int, num_bytes: int) -> bool:
    return is_made_here(path / "pairs.parquet")
