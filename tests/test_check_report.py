"""What `ecif check` prints: what the data was understood as, and what is wrong with it, for people."""

from pathlib import Path

import pytest
from small_data import small_table

from engine.cli import main


@pytest.fixture
def said(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    """The exit code and the lines that a check prints."""
    monkeypatch.setenv("COLUMNS", "100")

    def check(*arguments: str | Path) -> tuple[int, str]:
        code = main(["check", *map(str, arguments)])
        return code, capsys.readouterr().out

    return check


def test_a_sound_table_is_told_in_a_few_lines(said, tmp_path):
    code, text = said(small_table(tmp_path))
    assert code == 0
    assert text.startswith("Read as a table (.csv, .tsv) in ")
    for words in ("42 rows: 42 can be used, 0 rejected.", "Pairs: 24 train, 10 validation, 8 test",
                  "Columns: image, caption, pair_id, label, split", "Examples", "images/train-0001.webp"):  # fmt: skip
        assert words in text
    assert "Rejected" not in text and "Not used" not in text


def test_several_files_columns_of_no_use_and_the_first_reject_of_each_kind_are_told(said, tmp_path):
    table = small_table(tmp_path)
    lines = [f"{line},{'taken_at' if at == 0 else 'monday'}" for at, line in enumerate(table.read_text().splitlines())]
    (tmp_path / "part-0.csv").write_text("\n".join(lines[:20]) + "\n")
    (tmp_path / "part-1.csv").write_text("\n".join([lines[0], *lines[20:], "x,gone.webp,a cat,,train,monday"]) + "\n")
    code, text = said(tmp_path / "part-*.csv", "--rejects", tmp_path / "rejects.csv")
    assert code == 0
    assert "Read as a table (.csv, .tsv) from 2 files" in text and "43 rows: 42 can be used, 1 rejected." in text
    assert "Not used: taken_at" in text
    assert "The image file does not exist." in text and "part-1.csv, row 24: gone.webp" in text
    assert "The rejected rows are in" in text and "gone.webp" in (tmp_path / "rejects.csv").read_text("utf-8-sig")


def test_nothing_that_can_be_used_is_a_failure_with_a_hint(said, tmp_path):
    table = small_table(tmp_path)
    (tmp_path / "else").mkdir()
    moved = table.rename(tmp_path / "else" / "pairs.csv")
    code, text = said(moved)
    assert code == 1 and "42 rows: 0 can be used, 42 rejected." in text
    assert "--images FOLDER" in text and "--rejects FILE.csv" in text and "Examples" not in text
    assert said(moved, "--images", tmp_path)[0] == 0


def test_strangers_names_are_never_markup_or_control_characters(said, tmp_path):
    table = small_table(tmp_path)
    head, first, *_ = table.read_text().splitlines()
    name, caption = first.split(",")[1], "\x1b[31mred\x07 [bold]x[/bold] [/nothing]"
    table.write_text(f"{head},[red]\x1b[2J\n1,{name},{caption},l,train,\n2,gone\x1b[1m.png,y,l,train,\n")
    code, text = said(table)
    assert code == 0 and "\x1b" not in text and "\x07" not in text
    assert "[bold]x[/bold] [/nothing]" in text and "Not used: [red]" in text
