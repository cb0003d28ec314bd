"""The interval of a change holds the truth as often as it says, counted over many simulated test sets."""

import numpy as np
import pandas as pd
import pytest

from engine.runs import RunFolder
from engine.study import load_study
from engine.what_if import loss_interval, paired_interval, summary, what_if

DRAWS = 4000


@pytest.mark.parametrize(
    ("mended", "broken", "num_pairs"), [(0.05, 0.02, 300), (0.02, 0.02, 300), (0.2, 0.05, 60), (0.01, 0.0, 300)]
)
def test_nine_of_ten_intervals_of_accuracy_hold_the_true_change(mended: float, broken: float, num_pairs: int) -> None:
    draws = np.random.default_rng(0).multinomial(num_pairs, [mended, broken, 1 - mended - broken], DRAWS)
    intervals = np.array([paired_interval(m, b, num_pairs) for m, b, _ in draws])
    held = (intervals[:, 0] <= mended - broken) & (mended - broken <= intervals[:, 1])
    assert 0.87 <= held.mean() <= 0.985  # never too narrow; few changes can only be counted in whole pairs
    assert np.median(intervals[:, 1] - intervals[:, 0]) < 6 * np.sqrt((mended + broken + 2 / num_pairs) / num_pairs)


def test_the_interval_of_accuracy_is_the_published_formula() -> None:
    """Bonett and Price (2012): 11 against 4 of 65 at 90 %, computed here step by step."""
    p, q = 12 / 67, 5 / 67
    reach = 1.6448536269514722 * np.sqrt((p + q - (p - q) ** 2) / 67)
    assert paired_interval(11, 4, 65) == pytest.approx((p - q - reach, p - q + reach), rel=1e-12)


def test_the_interval_of_accuracy_stays_among_possible_changes_and_turns_with_its_sign() -> None:
    assert paired_interval(3, 0, 3)[1] <= 1.0 and paired_interval(0, 3, 3)[0] >= -1.0
    low, high = paired_interval(9, 2, 100)
    assert paired_interval(2, 9, 100) == pytest.approx((-high, -low))
    assert low < 0.07 < high
    nothing = paired_interval(0, 0, 300)
    assert nothing[0] < 0 < nothing[1] < 0.01


@pytest.mark.parametrize("sizes", [[100, 100, 100], [50] * 8, [100, 100, 100, 60]])
def test_nine_of_ten_intervals_of_the_loss_hold_the_true_change(sizes: list[int]) -> None:
    random, sizes = np.random.default_rng(1), np.array(sizes)
    held = []
    for _ in range(DRAWS):
        differences = np.array([random.normal(-0.02, 0.3, size).mean() for size in sizes])
        low, high = loss_interval(differences, sizes)
        held.append(low <= -0.02 <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_one_batch_tells_nothing_about_chance() -> None:
    assert loss_interval(np.array([-0.1]), np.array([32])) is None


def test_an_outcome_says_what_became_of_each_metric_and_of_each_wrong_prediction(sample_run: RunFolder) -> None:
    traces = sample_run.table("traces")
    queries = sample_run.table("queries").set_index("query_id")
    query_id = traces["query_id"].iloc[0]
    culprits = traces[(traces["query_id"] == query_id) & (traces["side"] == "hurts")]["pair_id"].head(20)
    right = queries.index[queries["correct"].fillna(False).astype(bool)][0]
    found = what_if(load_study(sample_run), culprits.tolist())
    said = summary(found, query_ids=(right,))
    told = pd.DataFrame(said["predictions"]).set_index("query_id")
    assert right in told.index and set(said["mended"]) | set(said["broken"]) <= set(told.index)
    assert told.loc[query_id, "before"]["loss"] == pytest.approx(queries.loc[query_id, "loss"], rel=1e-4)
    assert told.loc[query_id, "after"]["loss"] < told.loc[query_id, "before"]["loss"] - 0.1
    accuracy = said["changes"]["zero_shot_accuracy"]
    assert accuracy["change"] == pytest.approx((accuracy["mended"] - accuracy["broken"]) / accuracy["counted"])
    assert accuracy["low"] < accuracy["change"] < accuracy["high"]
    loss = said["changes"]["validation_loss"]
    assert loss["counted"] == 3 and loss["low"] < loss["change"] < loss["high"]
    assert loss["change"] == pytest.approx(said["after"]["validation_loss"] - said["before"]["validation_loss"])
    assert loss["change"] == pytest.approx(
        float(found.batch_sizes @ (found.losses_after - found.losses_before)) / found.batch_sizes.sum(), abs=1e-5
    )
