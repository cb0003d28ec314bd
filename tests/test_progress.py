"""What progress.json tells whoever watches a run."""

import json
import time
from pathlib import Path

import pytest

from engine.progress import RunProgress


def test_the_steps_are_told_with_the_one_at_work_and_since_when(tmp_path: Path) -> None:
    path, titles = tmp_path / "progress.json", {"pairs": "Reading pairs", "features": "Embedding"}
    with RunProgress(path, 2, titles=titles).running() as progress, progress.step(1, "Embedding", 10):
        said = json.loads(path.read_text())
    assert list(said["steps"].items()) == list(titles.items())
    assert (said["state"], said["step_name"], said["step_index"]) == ("running", "features", 1)
    assert abs(time.time() - said["step_started_at"]) < 60
    assert json.loads(path.read_text())["state"] == "finished"


def test_a_failure_leaves_its_sentence_and_the_step_it_happened_in(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    progress = RunProgress(path, 1, titles={"pairs": "Reading pairs"})
    with pytest.raises(ValueError, match="broken"), progress.running(), progress.step(0, "Reading pairs", 1):
        raise ValueError("broken")
    said = json.loads(path.read_text())
    assert (said["state"], said["message"], said["step_name"]) == ("failed", "broken", "pairs")
