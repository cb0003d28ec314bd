"""`ecif ask` on the terminal."""

import json
from pathlib import Path

import pytest
import small_data

from engine.asking import Answer
from engine.cli import main
from engine.pipeline import run


@pytest.fixture(scope="module")
def asked_run(tmp_path_factory: pytest.TempPathFactory):
    return run(small_data.small_config(tmp_path_factory.mktemp("asked"), damping=0.3))


def image_of(asked_run) -> Path:
    pair = asked_run.table("pairs").iloc[0]
    return Path(pair["images"], pair["image"])


def test_the_answer_is_printed_and_written(asked_run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "answer.json"
    options = ["--image", str(image_of(asked_run)), "--label", "fox", "--caption", "[bold]a fox[/]", "--top", "3"]
    assert main(["ask", str(asked_run.path), *options, "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("The model says", "What made “fox” less or more likely?", "How does “[bold]a fox[/]” fit?",
                  "Pairs that help".lower(), "Nearest training pairs"):  # fmt: skip
        assert words in said
    answer = Answer.from_message(json.loads(out.read_text(encoding="utf-8")))
    assert [one.about for one in answer.explanations] == ["label", "caption"]
    assert answer.explanations[0].pairs.groupby("side").size().max() <= 3


def test_what_cannot_be_asked_is_one_sentence(asked_run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    image = str(image_of(asked_run))
    for options, words in (
        (["--image", str(tmp_path / "absent.png")], "does not exist"),
        (["--image", str(tmp_path / "text.png")], "not an image"),
        (["--image", image, "--label", "dragon"], "one of the run's classes"),
        (["--image", image, "--top", "0"], "pairs per side"),
        (["--image", image, "--out", str(tmp_path)], "is a folder"),
    ):
        assert main(["ask", str(asked_run.path), *options]) == 1
        said = " ".join(capsys.readouterr().err.split())
        assert words in said and "Traceback" not in said
