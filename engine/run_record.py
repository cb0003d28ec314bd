"""What the main job keeps in record.json of itself: with what, when, how long each step took, what is to be said.

A run may be killed between any two of these lines and goes on from there. No torch.
"""

from __future__ import annotations

import datetime
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import engine
from engine.errors import RunFolderDamaged
from engine.runs import FORMAT_VERSION, SIGN_CONVENTION, RunFolder


def first_record(run_id: str, hashes: Mapping[str, str]) -> dict[str, object]:
    """The record of a run that begins."""
    return {
        "format_version": FORMAT_VERSION,
        "run_id": run_id,
        "created_at": now(),
        "finished_at": None,
        "ecif_version": engine.__version__,
        "git_sha": _git_sha(),
        "sign_convention": SIGN_CONVENTION,
        "hashes": dict(hashes),
        "notes": [],
    }


def add_start(folder: RunFolder, files: Mapping[str, str]) -> None:
    """Keep when an unfinished run was started or resumed, and with which step.

    The cost of a step that was finished right before a kill, which could not say it any more, is made good.

    Args:
        folder: of the run; its progress is still that of the process before.
        files: the file that finishes each step, in order of the steps.
    """
    record, waiting = folder.record, [name for name, file in files.items() if not folder.has(file)]
    lost = [name for name in files if name not in waiting and name not in record.get("steps", {})]
    for name in lost:
        folder.update_record(steps={name: {"seconds": _seconds_until_finished(folder, name, files[name])}})
    start = {"at": now(), "step": waiting[0] if waiting else None}
    folder.update_record(starts=[*record.get("starts", []), start])


def add_cost(folder: RunFolder, step: str, seconds: float) -> None:
    """Keep what a finished step took."""
    cost = {"seconds": round(seconds, 3), "peak_memory_bytes": _peak_memory_bytes()}
    folder.update_record(steps={step: cost})


def add_notes(folder: RunFolder, notes: Iterable[str]) -> None:
    """Notes of a step that is done again after a kill are kept once."""
    known = folder.record.get("notes", [])
    if new := [note for note in dict.fromkeys(notes) if note not in known]:
        folder.update_record(notes=[*known, *new])


def now() -> str:
    """The time in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _seconds_until_finished(folder: RunFolder, step: str, file: str) -> float:
    """From the beginning of a step, if the progress still tells it, until its file got its name; else 0."""
    try:
        progress = folder.progress
        if progress.get("step_name") == step:
            return round(max(0.0, (folder.path / file).stat().st_mtime - float(progress["step_started_at"])), 3)
    except (RunFolderDamaged, KeyError, TypeError, ValueError):
        pass  # progress is for those who watch: no run fails for it
    return 0.0


def _git_sha() -> str | None:
    """The commit of the checkout this code runs from; None when installed as a package."""
    source = Path(__file__).parent
    if not (source.parent / ".git").exists():
        return None
    found = subprocess.run(["git", "-C", str(source), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kibibytes on Linux
