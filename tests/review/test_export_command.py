"""`ecif export`: formats, refusals and help."""

import csv
from pathlib import Path

import pytest
from exported import FINAL, Setting

from engine.cli import main
from engine.review.exports import EXPORTS, WHICH


@pytest.fixture
def options(setting: Setting) -> list[str]:
    return ["export", str(setting.run.path), "--decisions", setting.store.place]


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_is_written_and_its_use_is_said(
    options: list[str], setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    out = tmp_path / EXPORTS[name].file_name(setting.run)
    assert main([*options, "--format", name, "--out", str(out)]) == 0
    assert out.exists() and out.with_name(f"{out.name}.provenance.json").is_file()
    said = capsys.readouterr().out
    assert str(out) in said and EXPORTS[name].words.next in said


def test_the_cleaned_table_can_be_written_to_its_place_at_once(
    options: list[str], setting: Setting, capsys: pytest.CaptureFixture
) -> None:
    out = setting.folder / "data" / "clean.csv"
    assert main([*options, "--format", "cleaned", "--out", str(out)]) == 0
    assert main(["check", str(out)]) == 0
    assert str(len(FINAL)) in capsys.readouterr().out
    with out.open(encoding="utf-8", newline="") as file:
        assert {row["pair_id"]: row["caption"] for row in csv.DictReader(file)} == FINAL


def test_help_describes_every_format_and_selection(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, exporter in EXPORTS.items():
        assert f" {name} {exporter.words.what} {exporter.words.others}" in said
    assert all(meaning in said for meaning in WHICH.values())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--format", "cleaned", "--which", "drop"], "for cleaned one of clean"),
        (["--format", "excel"], "label-studio"),
        (["--out", "."], "new name"),
    ],
)
def test_what_cannot_be_written_is_said(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture, more: list[str], words: str
) -> None:
    assert main([*options, "--out", str(tmp_path / "o"), *more]) == 1
    assert words in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("o*"))
