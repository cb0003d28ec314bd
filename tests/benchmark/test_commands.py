"""`ecif benchmark` and its kinds, from the command line."""

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.commands.benchmarks import BENCHMARKS

SMALL = ["--device", "cpu", "--pairs", "8", "--batch-size", "4"]


def test_without_a_kind_passes_run_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(BENCHMARKS[0], "main", asked.append)
    assert main(["benchmark"]) == 0
    assert main(["benchmark", "passes", "--queries", "3"]) == 0
    assert [one.queries for one in asked] == [8, 3]
    assert asked[0].tiers == ["lora"] and asked[0].pairs == 256


@pytest.mark.parametrize("kind", [one.NAME for one in BENCHMARKS])
def test_every_kind_says_what_it_does(kind: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as left:
        main(["benchmark", kind, "--help"])
    assert left.value.code == 0 and "--out FILE" in capsys.readouterr().out


def test_the_command_for_a_gpu_runs_in_small_and_its_file_gives_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file, sizes = tmp_path / "gpu.json", tmp_path / "sizes.json"
    assert main(["benchmark", "gpu", "--models", "sample", "--tiers", "heads", *SMALL, "--out", str(file)]) == 0
    assert "| model | heads | scores, 8 queries |" in capsys.readouterr().out
    assert main(["benchmark", "sizing", str(file), "--pairs", "1000", "--products", "3", "--out", str(sizes)]) == 0
    said = capsys.readouterr().out
    assert "| model | heads | 1,000 |" in said and "products 3" in said and "At 5 billion pairs" in said
    assert json.loads(sizes.read_text())["sizes"][0]["num_pairs"] == 1000


def test_growth_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "growth.json"
    assert main(["benchmark", "growth", "--tiers", "heads", *SMALL, "--out", str(file)]) == 0
    assert "queries" in capsys.readouterr().out
    assert len(json.loads(file.read_text())["growth"]) == 9


def test_alternatives_can_be_left_out_and_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "alternatives.json"
    words = ["kronfluence", "dattri", "TRAK", "through", "forward"]
    assert main(["benchmark", "alternatives", *SMALL, "--without", *words, "--out", str(file)]) == 0
    said = capsys.readouterr().out
    assert "| this project | identity |" in said and "kronfluence" not in said
    assert len(json.loads(file.read_text())["found"]) == 4


def test_sizes_of_a_file_that_is_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "other.json").write_text("[]")
    assert main(["benchmark", "sizing", str(tmp_path / "other.json")]) == 1
    assert "ecif benchmark gpu --out" in " ".join(capsys.readouterr().err.split())
    assert main(["benchmark", "passes", "--pairs", "1"]) == 1
