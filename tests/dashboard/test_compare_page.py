"""The Compare page, over one run, a run and its cleaned successor, and runs of different data."""

import json
import shutil
from pathlib import Path

import pytest
from pages import open_page, words_on
from streamlit.testing.v1 import AppTest

from dashboard.comparison import flagged, rank_both, suspects
from dashboard.run_tables import RunTables
from engine.ranked_table import write_ranked
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder, write_table

DROPPED = 30


@pytest.fixture
def cleaned(runs_dir: Path, sample_run: RunFolder) -> RunFolder:
    """The sample run without its most suspicious pairs and with turned influences, as a run of its own."""
    folder = runs_dir / "cleaned-00000000"
    shutil.copytree(runs_dir / sample_run.run_id, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "sketches": 7}))
    run = RunFolder(folder)
    gone = set(run.table("scores").nsmallest(DROPPED, "suspicion_rank")["pair_id"])
    for name in ("pairs", "scores", "signals"):
        table = run.table(name)
        table = table[~table["pair_id"].isin(gone)]
        write_table(
            folder / f"{name}.parquet", table.assign(influence=-table["influence"]) if name == "scores" else table
        )
    write_ranked(run)
    return run


def compared(a: RunFolder, b: RunFolder) -> AppTest:
    """The page with these two runs chosen."""
    app = open_page("compare")
    app.selectbox(key="run").select(a.run_id).run()
    app.selectbox(key="other").select(b.run_id).run()
    assert not app.exception and not app.error
    return app


def test_one_run_is_compared_with_itself_by_another_score(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("compare", top="50")
    assert not app.exception and not app.error
    tables = RunTables.open(sample_run)
    found = flagged(rank_both(suspects(tables, "suspicion"), suspects(tables, "influence")), top=50)
    assert f"**{found.counts()['a']:,}** · Flagged by A only" in words_on(app)
    assert f"Spearman {found.spearman:.2f}" in words_on(app)
    assert f"**{found.counts()['a']:,} pairs** · page 1" in words_on(app)
    assert "Options that differ" not in words_on(app)


def test_a_run_and_the_same_score_again_says_there_is_nothing_to_compare(runs_dir: Path) -> None:
    app = open_page("compare", by="Influence on validation")
    assert not app.exception
    app.selectbox(key="other_by").select("influence").run()
    assert not app.exception
    assert "A and B are the same" in words_on(app) and "only one finished run" in words_on(app)


def test_a_cleaned_run_is_matched_by_pair_and_what_is_gone_is_counted(
    runs_dir: Path, sample_run: RunFolder, cleaned: RunFolder
) -> None:
    kept = cleaned.table("scores")["pair_id"].iloc[0]
    DecisionStore.open(runs_dir / "decisions.sqlite").append(
        [Decision(pair_id=kept, verdict="keep", annotator="a", decided_at="2026-01-01T00:00:00", client_key="k")]
    )
    app = compared(sample_run, cleaned)
    assert not app.exception and not app.error
    words = words_on(app)
    assert f"{DROPPED} pairs of A, 0 of B" in words and "Spearman 1.00" in words
    assert "No pair is in this part" in words  # both flag the same
    assert "1 of 1 changed from hurting to helping, or back" in words
    shown = [frame.value for frame in app.dataframe]
    assert any("option" in frame and frame["B"].tolist() == ["7"] for frame in shown)
    assert any("decision" in frame and frame["decision"].tolist() == ["keep"] for frame in shown)
    app.segmented_control(key="part").select("both").run()
    assert not app.exception and "**100 pairs** · page 1" in words_on(app)


def test_probabilities_can_be_flagged_by_their_value(runs_dir: Path, sample_run: RunFolder, cleaned: RunFolder) -> None:
    app = compared(sample_run, cleaned)
    app.selectbox(key="by").select("p_wrong")
    app.selectbox(key="other_by").select("p_wrong").run()
    app.segmented_control(key="flag").select("probability").run()
    assert not app.exception and not app.error
    likely = (cleaned.table("signals")["p_wrong"] >= 0.5).sum()
    assert likely > 5 and f"**{likely:,}** · Flagged by both" in words_on(app)


def test_runs_of_different_data_have_nothing_in_common(
    runs_dir: Path, sample_run: RunFolder, cleaned: RunFolder
) -> None:
    for name in ("pairs", "scores", "signals"):
        table = cleaned.table(name)
        write_table(cleaned.path / f"{name}.parquet", table.assign(pair_id="other-" + table["pair_id"]))
    write_ranked(cleaned)
    app = compared(sample_run, cleaned)
    assert not app.exception
    assert "No pair is in both" in words_on(app)
