"""Which batches a curvature is built on when a part is enough."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import problem

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature import GaussNewton, curvature_segmentation, subsample, subsampled


def segmentation(sizes: tuple[int, ...] = (5, 4, 5, 3, 5), num_pairs: int = 22) -> BatchSegmentation:
    batches = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return BatchSegmentation(tuple(batches), num_pairs)


@pytest.mark.parametrize("num_pairs", [1, 5, 6, 11, 21])
def test_whole_batches_are_chosen_until_there_are_enough_pairs(num_pairs: int) -> None:
    whole = segmentation()
    for seed in range(10):
        found = subsampled(whole, num_pairs, seed)
        sizes = [len(batch) for batch in found.batches]
        assert num_pairs <= sum(sizes) < num_pairs + 5
        assert found.num_pairs == sum(sizes)
        assert all(any(one is batch for batch in whole.batches) for one in found.batches)


def test_the_choice_is_seeded() -> None:
    chosen = [tuple(int(b[0]) for b in subsampled(segmentation(), 8, seed).batches) for seed in range(8)]
    assert chosen == [tuple(int(b[0]) for b in subsampled(segmentation(), 8, seed).batches) for seed in range(8)]
    assert len(set(chosen)) > 2


def test_of_very_many_pairs_some_are_enough_unless_a_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, config = segmentation(), RunConfig("", "")
    assert curvature_segmentation(config, whole) is whole
    monkeypatch.setattr(subsample, "ALL_UP_TO", 21)
    monkeypatch.setattr(subsample, "ENOUGH", 8)
    assert curvature_segmentation(config, whole).num_pairs == subsampled(whole, 8, 0).num_pairs < 22
    assert curvature_segmentation(replace(config, curvature_pairs=11), whole).num_pairs >= 11
    assert curvature_segmentation(replace(config, curvature_pairs=22), whole) is whole


def test_all_pairs_or_more_are_all_pairs() -> None:
    whole = segmentation()
    assert subsampled(whole, 22, 0) is whole
    assert subsampled(whole, 1000, 0) is whole


def test_on_average_over_choices_the_curvature_is_that_of_all_pairs() -> None:
    one = problem(24, (4,) * 6)
    left_out = BatchSegmentation(one.segmentation.batches[:-1], 24)  # four pairs are in no batch
    direction = torch.ones(1, len(one.theta), dtype=torch.float64)

    def product(of: BatchSegmentation) -> torch.Tensor:
        return GaussNewton(one.feature_map, LOSSES["clip"], of).matvec(direction)

    chosen = {tuple(int(b[0]) for b in s.batches): s for s in (subsampled(left_out, 4, seed) for seed in range(60))}
    assert len(chosen) == 5, "every batch is expected to be chosen once"
    mean = sum(product(s) for s in chosen.values()) / 5
    assert all(s.num_pairs == 5 for s in chosen.values())  # 24 / 5 of a batch of 4, rounded
    torch.testing.assert_close(mean, product(left_out), rtol=0.05, atol=1e-6)
