"""The audit of dependencies in CI: openly skipped without its data, and failing only for what we can mend."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).resolve().parents[2] / ".ci" / "audit.py"


def audit(tmp_path: Path, said: str, address: str) -> subprocess.CompletedProcess:
    """Run the step with a pip-audit that says this."""
    (tmp_path / "env" / "lib" / "python3.99" / "site-packages").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "said").write_text(said)
    (tmp_path / "bin" / "pip-audit").write_text(f"#!/bin/sh\ncat '{tmp_path / 'said'}'\nexit 1\n")
    (tmp_path / "bin" / "pip-audit").chmod(0o755)
    return subprocess.run(
        [sys.executable, str(AUDIT), str(tmp_path / "env"), str(tmp_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "AUDIT_DATA": address},
    )  # fmt: skip


def report(*fixes: list[str]) -> str:
    holes = [{"id": f"OSV-{number}", "fix_versions": found} for number, found in enumerate(fixes)]
    return json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": holes}, {"name": "b", "version": "2"}]})


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [(report(), 0, "2 packages audited; 0 holes"), (report([]), 0, "OSV-0, no fix yet"),
     (report([], ["1.2"]), 1, "OSV-1, fixed in 1.2"), ("no JSON", 0, "SKIPPED")],
)  # fmt: skip
def test_only_a_hole_with_a_fixed_release_fails(tmp_path: Path, said: str, code: int, words: str) -> None:
    with socket.socket() as data:
        data.bind(("127.0.0.1", 0))
        data.listen()
        found = audit(tmp_path, said, f"127.0.0.1:{data.getsockname()[1]}")
    assert found.returncode == code and words in found.stdout, found


def test_without_its_data_it_says_that_it_was_skipped(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    found = audit(tmp_path, report(["1.2"]), address)
    assert found.returncode == 0 and found.stdout.startswith("SKIPPED: dependencies are not audited")
