"""Measuring against planted errors: the measure itself, and what the sample must reach."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_data import small_config

from engine.detection.truth import TARGET, read_truth
from engine.errors import PairsError
from engine.evaluate import SIGNALS, SIMILARITY, detection_table, trace_back
from engine.pipeline import run
from engine.runs import RunFolder, write_table
from engine.sample import sample_folder


@pytest.fixture(scope="module")
def truth():
    return read_truth(sample_folder() / "ground_truth.csv")


def test_only_pairs_with_a_wrong_caption_count_as_wrong(sample_run: RunFolder, truth) -> None:
    table = detection_table(sample_run, truth).set_index("error kind")
    kinds = {"confusion", "shuffled", "near_miss_colour", "near_miss_count", "near_miss_sibling"}
    assert set(table.index) == {*kinds, "all wrong captions"}
    planted = truth[truth["error_kind"].isin(kinds)]["pair_id"].nunique()
    assert table.loc["all wrong captions", "pairs"] == planted == table.loc[list(kinds), "pairs"].sum()


def test_shuffled_captions_are_found_almost_surely(sample_run: RunFolder, truth) -> None:
    table = detection_table(sample_run, truth).set_index("error kind")
    assert table.loc["shuffled", "suspicion"] > 0.97
    assert table.loc["all wrong captions", "suspicion"] > table.loc["all wrong captions", "clip_score"] > 0.85


def test_cross_fitted_signals_stand_beside_those_of_the_model_itself(sample_run: RunFolder, truth) -> None:
    table = detection_table(sample_run, truth).set_index("error kind")
    assert set(table.columns) >= {"suspicion", "lemon", "similarity", "association", "clip_score", "influence"}
    assert table.loc["shuffled", "association"] > 0.9
    assert table.loc["all wrong captions", "suspicion"] > table.loc["all wrong captions", ["lemon", "similarity"]].max()


def test_the_planted_cause_leads_the_culprits_and_similarity_finds_fewer(sample_run: RunFolder, truth) -> None:
    found = trace_back(sample_run, truth)
    assert len(found) >= 12 and len({one.confusion for one in found}) == 4
    by_influence = np.mean([one.shares["own match, relative"] for one in found])
    by_similarity = np.mean([one.shares[SIMILARITY] for one in found])
    assert by_influence >= 0.8 and by_influence > by_similarity + 0.1


def test_the_stored_trace_is_the_ranking_that_was_measured(sample_run: RunFolder, truth) -> None:
    one = trace_back(sample_run, truth)[0]
    causes = set(truth.loc[(truth["confusion"] == one.confusion) & truth["pair_id"].str.startswith("train"), "pair_id"])
    traces = sample_run.table("traces")
    own = traces[(traces["query_id"] == one.query_id) & (traces["side"] == "hurts")].nsmallest(10, "rank")
    assert own["pair_id"].isin(causes).mean() == pytest.approx(one.shares["own match, relative"])


def hand_made(tmp_path: Path) -> tuple[RunFolder, pd.DataFrame]:
    """Six pairs: two shuffled, one confusion, one exact duplicate (a right caption), two untouched."""
    scores = pd.DataFrame({"pair_id": list("abcdef"), **{name: [0.0] * 6 for name in SIGNALS}})
    scores["suspicion_rank"] = range(1, 7)
    scores["suspicion"] = [0.9, 0.2, 0.5, 1.0, 0.1, 0.4]
    scores["clip_score"] = [0.1, 0.9, 0.3, 0.0, 0.5, 0.5]
    write_table(tmp_path / "scores.parquet", scores)
    kinds = ["shuffled", "shuffled", "confusion", "exact_duplicate"]
    return RunFolder(tmp_path), pd.DataFrame({"pair_id": list("abcd"), "error_kind": kinds, "confusion": None})


def test_detection_on_a_hand_made_run_is_the_counted_share(tmp_path: Path) -> None:
    table = detection_table(*hand_made(tmp_path)).set_index("error kind")
    assert table["pairs"].to_dict() == {"shuffled": 2, "confusion": 1, "all wrong captions": 3}
    # against e 0.1 and f 0.4 alone: a wins both, b one, c both; the duplicate d counts nowhere
    assert table["suspicion"].to_dict() == pytest.approx(
        {"shuffled": 3 / 4, "confusion": 1.0, "all wrong captions": 5 / 6}
    )
    assert table.loc["shuffled", "clip_score"] == pytest.approx(0.5)  # low is suspect: a wins both, b loses both
    assert table.loc["shuffled", "pair_loss"] == pytest.approx(0.5)  # all tied


def test_trace_back_shares_count_the_planted_pairs_among_the_top(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path, segmentations=1))
    queries, pairs = folder.table("queries"), folder.table("pairs")
    wrong = queries[(queries["kind"] == "classification") & ~queries["correct"].fillna(True).astype(bool)]
    target, train = wrong["pair_id"].iloc[0], pairs.loc[pairs["split"] == "train", "pair_id"].tolist()

    def shares(causes: list[str], top: int) -> dict[str, float]:
        rows = [{"pair_id": target, "error_kind": TARGET}, *({"pair_id": c, "error_kind": "confusion"} for c in causes)]
        (found,) = trace_back(folder, pd.DataFrame(rows).assign(confusion="x"), top)
        assert found.query_id == f"classification:{target}" and found.confusion == "x"
        return found.shares

    assert set(shares(train, 10).values()) == {1.0}
    # all but one of 24 fill the top 24 but one place, whatever the ranking
    assert list(shares(train[1:], 24).values()) == pytest.approx([23 / 24] * 5)
    assert all(one in (0.0, 1.0) for one in shares(train[:1], 1).values())


def test_a_truth_that_lacks_a_column_names_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("pair_id,error_kind\na,shuffled\n")
    with pytest.raises(PairsError, match="confusion"):
        read_truth(tmp_path / "truth.csv")
