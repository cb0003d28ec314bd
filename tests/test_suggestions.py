"""Suggested captions of the sample run, and who gets them."""

import re

import numpy as np
import pandas as pd
import pytest

from engine.runs import RunFolder
from engine.sample import sample_folder
from engine.suggestions import CAPTION, PROMPT, asked_pairs


@pytest.fixture(scope="module")
def suggestions(sample_run: RunFolder) -> pd.DataFrame:
    return sample_run.table("suggestions")


def test_the_most_suspect_pairs_get_five_other_captions_the_best_fit_first(
    sample_run: RunFolder, suggestions: pd.DataFrame
) -> None:
    signals = sample_run.table("signals")
    assert (suggestions.groupby("pair_id").size() == 5).all()
    assert set(suggestions["pair_id"]) == set(signals.iloc[asked_pairs(signals)]["pair_id"])
    for _, some in suggestions.groupby("pair_id"):
        assert some["rank"].tolist() == [1, 2, 3, 4, 5] and some["fit"].is_monotonic_decreasing
        assert some["caption"].is_unique
    captions = sample_run.table("pairs").set_index("pair_id")["caption"]
    assert (suggestions["caption"].to_numpy() != captions[suggestions["pair_id"]].to_numpy()).all()
    known = suggestions["source"] == CAPTION
    assert suggestions.loc[known, "caption"].isin(captions).all() and known.sum() > 500
    assert set(suggestions["source"]) <= {CAPTION, PROMPT}
    assert (suggestions["effect"] > 0).any() and (suggestions["effect"] < 0).any()


def test_for_wrong_pairs_the_first_suggestion_mostly_names_the_right_class(suggestions: pd.DataFrame) -> None:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv").set_index("pair_id")
    truth = truth[truth["error_kind"].isin(["shuffled", "confusion"])]
    first = suggestions[(suggestions["rank"] == 1) & suggestions["pair_id"].isin(truth.index)].set_index("pair_id")
    named = [
        bool(re.search(rf"\b{label}s?\b", caption))
        for label, caption in zip(truth.loc[first.index, "true_label"], first["caption"], strict=True)
    ]
    assert len(named) > 100 and np.mean(named) > 0.65  # by chance one in sixteen


def test_the_scores_show_the_first_suggestion(sample_run: RunFolder, suggestions: pd.DataFrame) -> None:
    shown = sample_run.table("scores").set_index("pair_id")["suggested_caption"]
    first = suggestions[suggestions["rank"] == 1].set_index("pair_id")["caption"]
    assert (shown[first.index] == first).all() and shown.notna().all() and len(first) < len(shown)


def test_three_times_as_many_pairs_as_are_wrong_get_suggestions_within_bounds() -> None:
    def asked(num_pairs: int, p_wrong: float) -> np.ndarray:
        rank = np.random.default_rng(0).permutation(num_pairs) + 1
        table = pd.DataFrame({"p_wrong": p_wrong, "suspicion": 0.5, "suspicion_rank": rank}, index=range(num_pairs))
        found = asked_pairs(table)
        assert rank[found].tolist() == list(range(1, len(found) + 1))
        return found

    assert [len(asked(*one)) for one in ((150, 0.1), (3000, 0.01), (3000, 0.1), (9000, 0.9))] == [150, 200, 900, 2000]
    nothing = pd.DataFrame({"p_wrong": [np.nan] * 3, "suspicion": np.nan, "suspicion_rank": np.nan})
    assert len(asked_pairs(nothing)) == 0
