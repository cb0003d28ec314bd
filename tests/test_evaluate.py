"""Measuring against planted errors: the measure itself, and what the sample must reach."""

import itertools

import numpy as np
import pytest

from engine.evaluate import SIMILARITY, auroc, detection_table, read_truth, trace_back
from engine.runs import RunFolder
from engine.sample import sample_folder


@pytest.fixture(scope="module")
def truth():
    return read_truth(sample_folder() / "ground_truth.csv")


def test_the_auroc_is_the_share_of_rightly_ordered_couples_with_ties_half() -> None:
    generator = np.random.default_rng(0)
    scores, is_wrong = generator.integers(0, 6, 60).astype(float), generator.random(60) < 0.3
    couples = itertools.product(scores[is_wrong], scores[~is_wrong])
    expected = np.mean([1.0 if wrong > right else 0.5 if wrong == right else 0.0 for wrong, right in couples])
    assert auroc(scores, is_wrong) == pytest.approx(expected)
    assert auroc(-scores, is_wrong) == pytest.approx(1 - expected)
    assert np.isnan(auroc(scores, np.zeros(60, dtype=bool)))


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


def test_the_planted_cause_leads_the_culprits_and_similarity_finds_fewer(sample_run: RunFolder, truth) -> None:
    found = trace_back(sample_run, truth)
    assert len(found) >= 25 and len({one.confusion for one in found}) == 4
    by_influence = np.mean([one.shares["own match, relative"] for one in found])
    by_similarity = np.mean([one.shares[SIMILARITY] for one in found])
    assert by_influence > 0.7 and by_influence > by_similarity


def test_the_stored_trace_is_the_ranking_that_was_measured(sample_run: RunFolder, truth) -> None:
    one = trace_back(sample_run, truth)[0]
    causes = set(truth.loc[(truth["confusion"] == one.confusion) & truth["pair_id"].str.startswith("train"), "pair_id"])
    traces = sample_run.table("traces")
    own = traces[(traces["query_id"] == one.query_id) & (traces["side"] == "hurts")].nsmallest(10, "rank")
    assert own["pair_id"].isin(causes).mean() == pytest.approx(one.shares["own match, relative"])
