"""What somebody waits for a trace-back is measured on a finished run."""

import json
import re
from pathlib import Path

import pytest

from engine.cli import main
from engine.commands.benchmarks.trace import measured
from engine.errors import ConfigError


def test_the_seconds_are_those_of_the_parts(sample_run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "trace.json"
    assert main(["benchmark", "trace", str(sample_run.path), "--queries", "2", "--out", str(out)]) == 0
    said, found = " ".join(capsys.readouterr().out.split()), json.loads(out.read_text())
    assert found["num_pairs"] == 1198 and min(found.values()) > 0
    assert found["trace"] == pytest.approx(found["gradient"] + found["solve"] + found["score"])
    assert re.search(rf"^1,198 training pairs: a prediction is traced in {found['trace']:.2f} s", said)


def test_a_run_without_predictions_is_refused(sample_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = sample_run.table("queries").query("kind == 'validation'")
    monkeypatch.setattr(type(sample_run), "table", lambda self, name, columns=None: only)
    with pytest.raises(ConfigError, match="test predictions"):
        measured(sample_run, 2)
