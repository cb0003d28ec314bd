"""Short questions to the engine while a run is being prepared: a process with a time limit, its answer a JSON file.

The page stays usable meanwhile. The process belongs to one page and its files go with it. No Streamlit here.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.processes import engine_command, environment

LAST_CHARACTERS = 2_000
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""a check never downloads: that may take long, and is the run's to do"""


@dataclass(frozen=True)
class Check:
    """`ecif check` or `ecif estimate` at work."""

    process: subprocess.Popen
    folder: tempfile.TemporaryDirectory
    started_at: float
    """seconds of the monotonic clock"""
    limit_seconds: float

    @classmethod
    def start(cls, *arguments: str, limit_seconds: float, given: Mapping[str, dict[str, Any]] | None = None) -> Check:
        """Ask.

        Args:
            arguments: of `ecif`, without --json; {NAME} as a whole argument stands for the file with `given[NAME]`.
            limit_seconds: stop it when it takes longer.
            given: what the question is about, handed over as JSON files.
        """
        folder = tempfile.TemporaryDirectory(prefix="ecif-check-")
        place = Path(folder.name)
        files = {f"{{{name}}}": place / f"{name}.json" for name in given or {}}
        for path, values in zip(files.values(), (given or {}).values(), strict=True):
            path.write_text(json.dumps(values), encoding="utf-8")
        command = [str(files.get(one, one)) for one in arguments]
        with (place / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                engine_command(*command, "--json", str(place / "out.json")),
                env={**environment(), **OFFLINE},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        check = cls(process, folder, time.monotonic(), limit_seconds)
        weakref.finalize(check, _end, process)  # who closes the page, or the server, wants no answer
        return check

    @property
    def is_alive(self) -> bool:
        """Whether it still works; past its time limit it is stopped."""
        if self.process.poll() is None and self.seconds > self.limit_seconds:
            self.stop()
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Since it started."""
        return time.monotonic() - self.started_at

    @property
    def share(self) -> float | None:
        """How far it is, 0 … 1; None if it does not say."""
        try:
            values = json.loads((Path(self.folder.name) / "out.json.progress").read_text(encoding="utf-8"))
            return min(1.0, values["done"] / max(values["total"], 1))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def stop(self) -> None:
        """Stop it for good."""
        _end(self.process)

    def outcome(self) -> tuple[dict[str, Any] | None, str]:
        """What it found, or None and the sentence that says why not. Only of a check that has ended."""
        out = Path(self.folder.name) / "out.json"
        if out.is_file():
            return json.loads(out.read_text(encoding="utf-8")), ""
        if self.process.returncode and self.process.returncode < 0:
            return None, f"It was stopped after {self.seconds:.0f} seconds."
        log = (Path(self.folder.name) / "log.txt").read_text(encoding="utf-8", errors="replace").strip()
        return None, log[-LAST_CHARACTERS:]


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
