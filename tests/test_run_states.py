"""Absent, partial, damaged: copies of a real run with something wrong, told apart by every command and on the pages."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pages import open_page, words_on

from engine.cli import main
from engine.errors import RunFolderAbsent, RunFolderDamaged, RunFolderError, RunFolderPartial, RunFolderVersion
from engine.runs import TABLES, RunFolder, list_runs

ABSENT, PARTIAL, DAMAGED = "holds none|nothing at", "a whole run folder|a finished", "readable"


def without(*names: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        for name in names:
            shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()

    return damage


def cut(name: str, share: float) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        data = (run / name).read_bytes()
        (run / name).write_bytes(data[: int(len(data) * share)])

    return damage


def holds(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(data)


def record(**values: object) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        old = json.loads((run / "record.json").read_text())
        (run / "record.json").write_text(json.dumps({**old, **values}))

    return damage


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        change(pd.read_parquet(run / f"{name}.parquet")).to_parquet(run / f"{name}.parquet", index=False)

    return damage


def half_copied(run: Path) -> None:
    (run / "scores.parquet").rename(run / "scores.parquet.part")


def leads_out(run: Path) -> None:
    shutil.copy(run / "scores.parquet", run.parent.parent / "elsewhere.parquet")
    (run / "scores.parquet").unlink()
    (run / "scores.parquet").symlink_to(run.parent.parent / "elsewhere.parquet")


DAMAGES: dict[str, tuple[type[RunFolderError], Callable[[Path], None]]] = {
    "nothing there": (RunFolderAbsent, lambda run: shutil.rmtree(run)),
    "an empty folder": (RunFolderAbsent, lambda run: (shutil.rmtree(run), run.mkdir())),
    "a file": (RunFolderAbsent, lambda run: (shutil.rmtree(run), run.write_text("x"))),
    "no config": (RunFolderPartial, without("config.json")),
    "no record": (RunFolderPartial, without("record.json")),
    "only tables": (RunFolderPartial, without("config.json", "record.json", "thumbnails", "features")),
    "no scores": (RunFolderPartial, without("scores.parquet")),
    "no tables": (RunFolderPartial, without(*(f"{name}.parquet" for name in TABLES))),
    "half copied": (RunFolderPartial, half_copied),
    "record cut": (RunFolderDamaged, cut("record.json", 0.5)),
    "record empty": (RunFolderDamaged, cut("record.json", 0)),
    "record no JSON": (RunFolderDamaged, holds("record.json", b"\xff\xfe\x00")),
    "record a list": (RunFolderDamaged, holds("record.json", b"[1]")),
    "record deep": (RunFolderDamaged, holds("record.json", b'{"a":' * 100_000)),
    "record of other kinds": (RunFolderDamaged, record(steps=7)),
    "record of nothing": (RunFolderDamaged, record(counts=None)),
    "record of other steps": (RunFolderDamaged, record(steps={"pairs": {"seconds": "x"}})),
    "record of other counts": (RunFolderDamaged, record(counts={"train": "<b>"})),
    "another version": (RunFolderVersion, record(format_version=99)),
    "scores cut": (RunFolderDamaged, cut("scores.parquet", 0.5)),
    "scores empty": (RunFolderDamaged, cut("scores.parquet", 0)),
    "scores no Parquet": (RunFolderDamaged, holds("scores.parquet", b"PAR1" + b"x" * 100 + b"PAR1")),
    "scores without a column": (RunFolderDamaged, table("scores", lambda t: t.drop(columns="influence"))),
    "scores of texts": (RunFolderDamaged, table("scores", lambda t: t.assign(influence="x"))),
    "scores twice": (RunFolderDamaged, table("scores", lambda t: pd.concat([t, t]))),
    "scores without ids": (RunFolderDamaged, table("scores", lambda t: t.assign(pair_id=None))),
    "scores a link": (RunFolderDamaged, leads_out),
    "ranked cut": (RunFolderDamaged, cut("ranked.parquet", 0.5)),
    "features cut": (RunFolderDamaged, cut("features/image.npy", 0.5)),
    "pairs of numbers": (RunFolderDamaged, table("pairs", lambda t: t.assign(caption=1.5))),
    "pairs with holes": (RunFolderDamaged, table("pairs", lambda t: t.assign(image=None))),
}
WORDS = {RunFolderAbsent: ABSENT, RunFolderPartial: PARTIAL, RunFolderDamaged: DAMAGED, RunFolderVersion: "run format"}


@pytest.fixture
def copy(runs_dir: Path) -> Path:
    """A second run beside the whole one; every damage is done to it."""
    whole = next(path for path in runs_dir.iterdir() if path.is_dir())
    shutil.copytree(whole, runs_dir / "copied")
    return runs_dir / "copied"


@pytest.mark.parametrize("name", [name for name in DAMAGES if not name.startswith(("features", "ranked"))])
def test_every_state_has_an_error_of_its_own_and_the_others_stay_readable(copy: Path, name: str) -> None:
    kind, damage = DAMAGES[name]
    RunFolder.open(copy).table("scores")
    damage(copy)
    with pytest.raises(kind, match=WORDS[kind]):
        RunFolder.open(copy).table("scores")
        RunFolder.open(copy).table("pairs")
    others = [run for run in list_runs(copy.parent) if run.path != copy]
    assert len(others) == 1 and len(others[0].table("scores"))


def test_an_unfinished_run_is_neither_damaged_nor_copied_in_part(copy: Path) -> None:
    record(finished_at=None)(copy)
    without("scores.parquet", "traces.parquet")(copy)
    assert not RunFolder.open(copy).is_finished
    with pytest.raises(RunFolderPartial, match="it resumes"):
        RunFolder.open(copy).table("scores")


def test_repeated_texts_may_be_categories(copy: Path) -> None:
    table("pairs", lambda t: t.astype({"source": "category", "split": "category", "caption": "category"}))(copy)
    assert RunFolder.open(copy).table("pairs")["source"].dtype == "category"
    table("pairs", lambda t: t.assign(source=pd.Categorical(range(len(t)))))(copy)
    with pytest.raises(RunFolderDamaged, match="source that is no text"):
        RunFolder.open(copy).table("pairs")


OF_THE_FOLDER = ("nothing there", "no config", "record cut")
OF_A_TABLE = ("no scores", "scores cut", "pairs of numbers")


@pytest.mark.parametrize(
    ("command", "name"),
    [(command, name) for command in ("trace", "export", "whatif", "ask") for name in OF_THE_FOLDER]
    + [(command, name) for command in ("trace", "export") for name in OF_A_TABLE]
    + [("whatif", "features cut"), ("whatif", "pairs of numbers")],
)
def test_commands_say_it_in_one_sentence(
    copy: Path, name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    kind, damage = DAMAGES[name]
    query = RunFolder(copy).table("traces")["query_id"][0]
    (tmp_path / "drop.txt").write_text("train-0001\n")
    damage(copy)
    more = {
        "trace": ["--query", query],
        "export": ["--out", str(tmp_path / "out.jsonl"), "--format", "jsonl", "--which", "all"],
        "whatif": ["--drop", str(tmp_path / "drop.txt")],
        "ask": ["--image", str(tmp_path / "x.png")],
    }[command]
    code = main([command, str(copy), *more])
    said = capsys.readouterr().err
    if command == "trace" and "scores" in name:
        assert code == 0  # the run holds this trace: scores are not needed
        return
    assert code == 1 and "Traceback" not in said and f"ecif {command}:" in said
    assert any(word in said for word in WORDS[kind].split("|")), said
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "title"),
    [("no config", "not complete"), ("half copied", None), ("record cut", "damaged"),
     ("ranked cut", "damaged"), ("record of other kinds", "damaged")],
)  # fmt: skip
def test_pages_say_it_and_the_other_run_still_opens(copy: Path, name: str, title: str | None) -> None:
    DAMAGES[name][1](copy)
    app = open_page("suspicious", run="copied")
    assert not app.exception
    words = words_on(app)
    if title is not None:  # a run without scores is not offered at all
        assert title in words and "Other runs can be chosen" in words
    whole = next(run.run_id for run in list_runs(copy.parent) if run.run_id != "copied")
    app.sidebar.selectbox[0].select(whole).run()
    assert not app.exception and "damaged" not in words_on(app) and "not complete" not in words_on(app)
    app = open_page("runs")
    assert not app.exception and "copied" in words_on(app) and "finished · 1,198 training pairs" in words_on(app)
