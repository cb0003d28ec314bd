"""A run's tables asked by SQL: only theirs, whole or a sentence, and what SQL answers is what pandas reads."""

import shutil
import threading
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dashboard.run_tables import RunTables
from engine.errors import RunFolderDamaged, RunFolderPartial
from engine.ranked_table import ROWS_PER_GROUP, write_ranked
from engine.runs import RunFolder


@pytest.fixture
def run(runs_dir: Path, sample_run: RunFolder) -> RunFolder:
    return RunFolder(runs_dir / sample_run.run_id)


def test_the_ranked_table_holds_every_training_pair_once_in_the_order_of_suspicion(run: RunFolder) -> None:
    ranked, scores = run.table("ranked"), run.table("scores").sort_values("suspicion_rank")
    assert ranked["pair_id"].tolist() == scores["pair_id"].tolist() and len(ranked) > 1000
    assert ranked["place"].tolist() == list(range(1, len(ranked) + 1))
    pairs, signals = run.table("pairs").set_index("pair_id"), run.table("signals").set_index("pair_id")
    by_id = ranked.set_index("pair_id")
    assert (by_id["caption"] == pairs["caption"].reindex(by_id.index)).all()
    assert (by_id["margin"] == signals["margin"].reindex(by_id.index)).all()
    assert (by_id["influence"] == scores.set_index("pair_id")["influence"]).all()
    assert {"p_wrong", "reason", "thumbnail", "label"} <= set(ranked)


def test_a_run_without_cross_fitting_is_ranked_without_signals_and_captions_fold_their_case(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.update_record(detection={"is_cross_fitted": False})
    pairs = run.table("pairs")
    pairs.assign(caption="STRASSE Straße İ", label=None).to_parquet(run.path / "pairs.parquet")
    write_ranked(run)
    ranked = run.table("ranked")
    assert "margin" not in ranked and "reason" not in ranked and not (run.path / "ranked.spill.part").exists()
    assert set(ranked["caption_folded"]) == {"STRASSE Straße İ".casefold()}
    assert ranked["label"].isna().all() and len(ranked) < ROWS_PER_GROUP
    assert RunTables.open(run).count("ranked", "label = ?", ["fox"]) == 0


def test_rows_by_id_come_in_the_order_asked_and_unknown_ids_are_left_out(run: RunFolder) -> None:
    tables, pairs = RunTables.open(run), run.table("pairs")
    asked = [*pairs["pair_id"].sample(5, random_state=0), "nobody", "x'; DROP VIEW pairs; --"]
    found = tables.pairs_by_id(asked, ["caption", "split"])
    assert found.index.tolist() == asked[:5] and list(found) == ["pair_id", "caption", "split"]
    assert found["caption"].tolist() == pairs.set_index("pair_id")["caption"].loc[asked[:5]].tolist()
    assert tables.pairs_by_id([]).empty and tables.count("pairs") == len(pairs)
    train = run.table("scores")["pair_id"].tolist()[:3]
    assert tables.scores_by_id(reversed(train)).index.tolist() == train[::-1]
    assert {"caption", "influence", "margin"} <= set(tables.scores_by_id(train))
    ids = [one for batch in tables.ids("SELECT pair_id FROM ranked ORDER BY place") for one in batch]
    assert ids == run.table("ranked")["pair_id"].tolist()


def test_nothing_but_the_runs_own_tables_can_be_read_or_written(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    tables = RunTables.open(run)
    for sql in (
        f"SELECT * FROM '{tmp_path}/secret.csv'",  # noqa: S608
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",  # noqa: S608
        f"SELECT * FROM read_text('{run.path}/record.json')",  # noqa: S608
        f"COPY (SELECT 1) TO '{tmp_path}/written.csv'",
        f"ATTACH '{tmp_path}/other.db'",
        "SET enable_external_access = true",
        "SET threads = 1",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            tables.rows(sql)
    assert not (tmp_path / "written.csv").exists() and not (tmp_path / "other.db").exists()
    assert tables.count("pairs") > 0


def test_a_damaged_table_is_a_sentence_and_the_others_still_answer(run: RunFolder) -> None:
    (run.path / "traces.parquet").write_bytes(b"PAR1 not really PAR1")
    (run.path / "map.parquet").unlink()
    scores = run.table("scores")
    pd.concat([scores, scores.head(1)]).to_parquet(run.path / "scores.parquet")
    run.table("signals").assign(p_wrong="much").to_parquet(run.path / "signals.parquet")
    tables = RunTables.open(run)
    assert tables.count("ranked") == len(scores)
    for name, words in (("traces", "readable traces"), ("scores", "in two rows"), ("signals", "no number")):
        for _ in range(2):
            with pytest.raises(RunFolderDamaged, match=words):
                tables.count(name)
    with pytest.raises(RunFolderPartial, match="without map"):
        tables.rows("SELECT * FROM map")
    assert not tables.has("map") and not tables.has("traces") and tables.has("pairs")


def test_a_table_cut_after_it_was_opened_is_a_sentence_too(run: RunFolder) -> None:
    tables = RunTables.open(run)
    path = run.path / "disturbs.parquet"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RunFolderDamaged, match="readable disturbs"):
        tables.rows("SELECT * FROM disturbs")


def test_a_link_out_of_the_run_is_not_followed(run: RunFolder, tmp_path: Path) -> None:
    shutil.move(run.path / "map.parquet", tmp_path / "elsewhere.parquet")
    (run.path / "map.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(RunFolderDamaged, match="leads out"):
        RunTables.open(run).count("map")


def test_a_folder_with_odd_characters_is_opened(run: RunFolder, tmp_path: Path) -> None:
    odd = tmp_path / "it's [a] *odd? “place”"
    shutil.copytree(run.path, odd)
    assert RunTables.open(RunFolder(odd)).count("pairs") == len(run.table("pairs"))


def test_several_threads_get_their_own_answers(run: RunFolder) -> None:
    tables, answers = RunTables.open(run), {}

    def ask(number: int) -> None:
        answers[number] = [tables.value("SELECT pair_id FROM ranked WHERE place = ?", [number]) for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 9)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    expected = run.table("ranked").set_index("place")["pair_id"]
    assert {number: set(found) for number, found in answers.items()} == {n: {expected[n]} for n in range(1, 9)}
