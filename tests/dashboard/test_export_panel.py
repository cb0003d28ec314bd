"""The export section of Decisions & export: choices, counts, preview, command."""

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from pages import open_page, words_on

from dashboard.components import export_panel
from engine.commands import export as command
from engine.review import Decision, DecisionStore
from engine.review.exports import EXPORTS, WHICH
from engine.runs import RunFolder

HOSTILE = "=cmd <script>alert(1)</script> **bold** \u202eright"


@pytest.fixture
def decided(runs_dir: Path, sample_run: RunFolder) -> DecisionStore:
    """One pair relabelled with hostile text."""
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    first = sample_run.table("scores").sort_values("suspicion_rank")["pair_id"].iloc[0]
    store.append([Decision(first, "relabel", "ana", "2026-01-01T00:00:00", "k", new_caption=HOSTILE)])
    return store


def chosen(app, label: str):
    return next(one for one in app.selectbox if one.label == label)


def exports_shown(app) -> list[str]:
    return [one.label for one in app.get("download_button") if one.label.startswith("Export ")]


def test_one_pair_is_one_pair_and_hostile_text_is_shown_as_text(decided: DecisionStore) -> None:
    app = open_page("decisions")
    assert not app.exception
    assert exports_shown(app) == ["Export 1 pair"]
    assert any("'=cmd <script>" in one.value or HOSTILE in one.value for one in app.code)
    assert "<script>" not in words_on(app)


@pytest.mark.parametrize("name", EXPORTS)
def test_every_format_says_what_it_is_and_shows_its_beginning(decided: DecisionStore, name: str) -> None:
    app = chosen(open_page("decisions"), "Format").set_value(name).run()
    assert not app.exception
    said, words = words_on(app), EXPORTS[name].words
    assert words.what in said and words.others in said
    assert f"--format {name}" in "\n".join(one.value for one in app.code)
    is_empty = EXPORTS[name].which[0] == "drop"
    assert ("begins like this" in said) != is_empty
    assert ("no such pair yet" in said) == is_empty and not app.error and not app.warning


def test_a_selection_counts_what_it_exports(decided: DecisionStore) -> None:
    app = chosen(open_page("decisions"), "Pairs").set_value("undecided").run()
    assert exports_shown(app) == ["Export 1,797 pairs"]
    app = chosen(app, "Pairs").set_value("drop").run()
    assert exports_shown(app) == ["Export 0 pairs"]


def test_a_selection_is_counted_as_its_name_says() -> None:
    verdicts = pd.Series(["drop", "drop", "keep", "unsure", "relabel"])
    counts = {which: export_panel.number_of(which, 9, verdicts) for which in WHICH}
    expected = {"decided": 5, "undecided": 4, "all": 9, "clean": 7, "keep": 1, "drop": 2, "relabel": 1, "unsure": 1}
    assert counts == expected
    assert set(export_panel.WHICH_WORDS) == set(WHICH) == set(command.WHICH)


def test_a_table_that_is_gone_is_said_on_the_page(
    decided: DecisionStore, runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = runs_dir / sample_run.run_id / "pairs.parquet"
    pd.read_parquet(path).assign(source="/nowhere/pairs.csv").to_parquet(path)
    app = chosen(open_page("decisions"), "Format").set_value("cleaned").run()
    assert not app.exception
    assert "cannot be written here" in app.warning[0].value and "nothing at /nowhere" in words_on(app)


def test_the_archive_holds_the_export_and_where_it_comes_from(
    decided: DecisionStore, runs_dir: Path, sample_run: RunFolder
) -> None:
    run = RunFolder.open(runs_dir / sample_run.run_id)
    expected = {
        "csv": {"decisions.csv", "decisions.csv.provenance.json"},
        "label-studio": {"label-studio/", "label-studio/config.xml", "label-studio/tasks-001.json"}
        | {"label-studio.provenance.json"},
    }
    for name, files in expected.items():
        with export_panel._archive(run, name, "decided", "/r/") as file:
            content = file.read()
        assert set(zipfile.ZipFile(io.BytesIO(content)).namelist()) == files
