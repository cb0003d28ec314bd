"""Cross-fitting with self-cleaning on planted noise: what is found, and that nothing breaks on odd data."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from planted import Planted, planted, with_constant, with_equal_captions

from engine.crossfit.combine import SIGNS, averaged, detect, seed_table, seeds_of
from engine.crossfit.detect import CrossFitOptions, cross_fit, obstacle
from engine.detection.judge import auroc
from engine.errors import PairsError


def found_in(one: Planted, rounds: int = 3, seed: int = 0):
    """The cross-fitting of planted pairs, in which a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return cross_fit(one.inputs, CrossFitOptions(rounds=rounds), seed)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_exchanged_captions_are_found_and_counted(share: float) -> None:
    one = planted(share=share)
    suspected = found_in(one).suspected
    assert auroc(suspected.score, one.is_wrong) > 0.97
    assert suspected.share.low <= one.is_wrong.mean() <= suspected.share.high
    assert suspected.share.high - suspected.share.low < 0.3
    assert suspected.p_wrong[one.is_wrong].mean() > 0.5 > 0.1 > suspected.p_wrong[~one.is_wrong].mean()


def test_cleaning_in_rounds_finds_more() -> None:
    ones = [planted(200, 0.3, dim=24, seed=seed, signal=0.4) for seed in range(6)]
    areas = np.array([[auroc(found_in(one, n).suspected.score, one.is_wrong) for n in (1, 3)] for one in ones])
    assert areas[:, 0].mean() > 0.7
    assert areas[:, 1].mean() > areas[:, 0].mean() + 0.005


def test_a_clean_data_set_is_called_nearly_clean() -> None:
    found = found_in(planted(share=0.0)).suspected
    assert found.share.value < 0.02 and found.p_wrong.mean() < 0.02 and found.found_again["elsewhere"] > 0.95


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_validation": 140},
        {"num_captions": 10},
        {"num_captions": 10, "labels": True, "num_validation": 140},
        {"labels": True},
        {"num_pairs": 100},
        {"dim": 90, "num_pairs": 120},
    ],
)
def test_every_pair_gets_a_suspicion_whatever_the_data_set_lacks(options: dict) -> None:
    one = planted(**options)
    assert obstacle(one.inputs, CrossFitOptions()) is None
    table = averaged([seed_table(found_in(one))])
    assert table[["suspicion", "p_wrong"]].notna().all(axis=None) and table["p_wrong"].between(0, 1).all()
    assert sorted(table["suspicion_rank"]) == list(range(1, len(one.inputs) + 1))
    assert auroc(table["suspicion"].to_numpy(), one.is_wrong) > 0.9
    silent = set(table.columns[table.isna().any()])
    assert ("label_quality" in silent) != options.get("labels", False)
    assert silent <= {"label_quality", "model_similarity"}
    assert ("unseen_influence" in table) == ("num_validation" in options)


def test_the_same_seed_finds_the_same_and_another_one_does_not() -> None:
    one = planted(150, num_validation=130)
    tables = [seed_table(found_in(one, seed=seed)) for seed in (3, 3, 4)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not np.allclose(tables[0]["log_odds"], tables[2]["log_odds"])
    assert seeds_of(5, 2) == seeds_of(5, 3)[:2] and set(seeds_of(5, 2)).isdisjoint(seeds_of(6, 2))


def test_where_everything_is_suspect_heads_are_fitted_to_everything() -> None:
    """Sides that have nothing in common: at some seeds every pair seems wrong, and none is left to fit heads to."""
    shares = []
    for seed in (8, 12, 15, 18):
        found = found_in(planted(100, 0.0, dim=6, seed=seed, signal=0.0), seed=seed)
        shares.append(max(found.round_shares))
        assert np.isfinite(found.suspected.score).all()
    assert max(shares) > 0.9


def test_what_cannot_be_cross_fitted_is_said() -> None:
    inputs = planted().inputs
    few = planted(99).inputs
    one_picture = replace(inputs, image_ids=np.zeros(300, dtype=np.int64))
    said = {
        "too few to cross-fit": few,
        "different pictures": one_picture,
        "same caption": with_equal_captions(inputs),
        "All pictures": with_constant(inputs, "image"),
        "All captions": with_constant(inputs, "text"),
    }
    for words, given in said.items():
        assert words in obstacle(given, CrossFitOptions())
        with pytest.raises(PairsError, match=words):
            detect(given, 0)
    nearly = replace(inputs, text=torch.ones_like(inputs.text).float() + 1e-8 * inputs.text.float())
    assert "All captions" in obstacle(nearly, CrossFitOptions())


def test_pairs_with_constant_coordinates_are_scored() -> None:
    one = planted()
    padding = torch.ones(300, 5, dtype=torch.float64)
    padded = replace(one.inputs, image=torch.cat([one.inputs.image, padding], 1))
    found = found_in(Planted(padded, one.is_wrong)).suspected
    assert auroc(found.score, one.is_wrong) > 0.97


def test_the_detector_of_experiments_averages_seeds_and_says_which_way_signals_point() -> None:
    one = planted(150, num_validation=130)
    steps = []
    table = detect(one.inputs, 7, lambda done, of: steps.append((done, of)))
    singles = [seed_table(cross_fit(one.inputs, CrossFitOptions(), seed)) for seed in seeds_of(7, 2)]
    for name in ("similarity", "unseen_influence", "p_wrong"):
        np.testing.assert_allclose(table[name], (singles[0][name] + singles[1][name]) / 2)
    assert not np.allclose(singles[0]["similarity"], singles[1]["similarity"])
    assert steps[14] == (15, 15) and len(steps) == 30
    assert not [name for name in table if name.startswith("because_")] and "suspicion_rank" not in table
    assert set(table.attrs["signs"]) == set(table) - {"p_wrong", "suspicion"} <= set(SIGNS)
    assert table.attrs["estimated_share"] == pytest.approx(
        np.mean([cross_fit(one.inputs, CrossFitOptions(), seed).suspected.share.value for seed in seeds_of(7, 2)])
    )
    oriented = {name: sign * table[name] for name, sign in table.attrs["signs"].items() if table[name].notna().all()}
    areas = {name: auroc(values.to_numpy(), one.is_wrong) for name, values in oriented.items()}
    assert min(areas[name] for name in areas if not name.startswith(("unseen_", "model_"))) > 0.8
    assert areas["unseen_self_influence"] > 0.9 and areas["unseen_influence_related"] > 0.6
    assert auroc(table["suspicion"].to_numpy(), one.is_wrong) > max(areas.values()) - 0.02
