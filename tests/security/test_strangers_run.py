"""A run folder from somebody else says where pictures lie: none of this machine is read because of it."""

import shutil
from pathlib import Path

import pytest
from pages import open_page, words_on
from PIL import Image
from small_data import small_config, small_table
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.large_pictures import ROUTES, picture_url
from dashboard.originals import SMALL_ONLY, may_be_read
from engine.made_here import is_made_here, known_tables, remember
from engine.pipeline import _read_pairs
from engine.runs import FORMAT_VERSION, RunFolder, write_json, write_table


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The first step of a run of this user's own, in the folder of runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.delenv("ECIF_DATA", raising=False)
    small_table(tmp_path / "data", 4, 4, 2)
    run = RunFolder(tmp_path / "runs" / "own")
    run.path.mkdir(parents=True)
    (run.path / "config.json").write_text(small_config(tmp_path / "data").to_json())
    write_json(run.path / "record.json", {"format_version": FORMAT_VERSION})
    _read_pairs(run, lambda done, of: None)
    return run


def width_of(run: RunFolder) -> int:
    """Of the picture that the route gives for the run's first pair; its thumbnail is smaller than the original."""
    import io

    pair = run.table("pairs").iloc[0]
    answer = TestClient(Starlette(routes=ROUTES)).get(picture_url(run.run_id, pair["pair_id"]))
    return Image.open(io.BytesIO(answer.content)).width


def changed(run: RunFolder, name: str, folder: Path) -> RunFolder:
    """A copy of a run that says its pictures lie in `folder`: as a stranger would make it."""
    copy = RunFolder(run.path.with_name(name))
    shutil.copytree(run.path, copy.path)
    pairs = copy.table("pairs")
    pairs["images"] = str(folder)
    write_table(copy.path / "pairs.parquet", pairs)
    return copy


def test_pictures_of_an_own_run_are_read_also_from_a_copy(own: RunFolder, tmp_path: Path) -> None:
    place = own.table("pairs")["images"][0]
    assert may_be_read(own, place)
    shutil.copytree(own.path, tmp_path / "runs" / "copy")
    assert may_be_read(RunFolder(tmp_path / "runs" / "copy"), place)


def test_a_strangers_run_gets_its_own_small_pictures_and_nothing_of_this_machine(
    own: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    name = own.table("pairs")["image"][0]
    (mine / name).parent.mkdir(parents=True)
    Image.new("RGB", (700, 10), "red").save(mine / name, "PNG")
    strange = changed(own, "strange", mine)
    assert not may_be_read(strange, str(mine))
    assert width_of(strange) != 700
    monkeypatch.setenv("ECIF_DATA", str(mine))
    assert may_be_read(strange, str(mine))
    assert not may_be_read(strange, f"{mine}/../data")
    assert not may_be_read(strange, str(tmp_path / "minefield"))
    (strange.path / "record.json").touch()  # another revision: nothing kept is shown
    assert width_of(strange) == 700


def test_a_table_is_known_by_its_bytes_only(own: RunFolder, tmp_path: Path) -> None:
    table = own.path / "pairs.parquet"
    assert is_made_here(table)
    table.write_bytes(table.read_bytes() + b"x")
    assert not is_made_here(table)
    assert not is_made_here(tmp_path / "nowhere")
    assert known_tables().stat().st_mode & 0o077 == 0


def test_a_table_is_known_before_the_step_counts_as_finished(own: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (own.path / "pairs.parquet").unlink()

    def killed(table: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.pipeline.remember", killed)
    with pytest.raises(KeyboardInterrupt):
        _read_pairs(own, lambda done, of: None)
    assert not own.has("pairs.parquet")


def test_without_a_place_to_remember_a_run_goes_on(own: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    remember(own.path / "pairs.parquet")
    assert not is_made_here(own.path / "pairs.parquet")


def test_the_pair_page_says_why_its_picture_is_small(runs_dir: Path) -> None:
    run = RunFolder(next(path for path in runs_dir.iterdir() if path.is_dir()))
    pairs = run.table("pairs")
    said = words_on(open_page("pair", pair=pairs["pair_id"][0]))
    assert SMALL_ONLY not in said
    write_table(run.path / "pairs.parquet", pairs.assign(images="/etc"))
    run.update_record(touched=True)
    app = open_page("pair", pair=pairs["pair_id"][0])
    assert not app.exception and SMALL_ONLY in words_on(app)
