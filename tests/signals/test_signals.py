"""Signals beside influence, against their definitions; and the suspicion that ranks by them."""

import numpy as np
import pandas as pd
import pytest
import torch
from oracles import problem

from engine.batches import BatchSegmentation
from engine.contrastive import ClipLoss
from engine.directional import Features
from engine.signals import clip_scores, in_sample_suspicion, pair_losses, suggested_captions
from engine.signals.reasons import with_oddities


def test_the_clip_score_is_the_cosine_of_a_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    text, image = (torch.nn.functional.normalize(torch.randn(5, 3, generator=generator), dim=1) for _ in range(2))
    found = clip_scores(Features(text, image, torch.tensor(0.0), torch.tensor(0.0)))
    torch.testing.assert_close(found, torch.stack([t @ i for t, i in zip(text, image, strict=True)]))


def test_the_pair_loss_is_the_cross_entropy_within_the_own_batch() -> None:
    one = problem()
    found = pair_losses(one.feature_map, ClipLoss(), [one.segmentation])
    for batch in (b.tolist() for b in one.segmentation.batches):
        logits, truth = one.logits(one.theta, batch), torch.arange(len(batch))
        entropy = torch.nn.functional.cross_entropy
        expected = 0.5 * (entropy(logits, truth, reduction="none") + entropy(logits.T, truth, reduction="none"))
        torch.testing.assert_close(found[batch], expected)


def test_no_pair_is_offered_its_own_caption() -> None:
    captions = ["a cat", "a dog", "a cat", "a fox"]
    text = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.7, 0.7]]), dim=1)
    image = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert suggested_captions(image, text, captions) == ["a fox", "a fox", "a dog", "a dog"]


def test_without_another_caption_nothing_is_offered() -> None:
    same = torch.ones(2, 1)
    assert suggested_captions(same, same, ["a cat", "a cat"]) == [None, None]


def table(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_the_worst_pair_by_every_signal_is_the_most_suspect() -> None:
    found = in_sample_suspicion(table(clip_score=[0.9, 0.1, 0.5], pair_loss=[0.1, 9.0, 1.0]))
    assert found["suspicion_rank"].tolist() == [3, 1, 2]
    assert found["suspicion"].idxmax() == 1 and found["suspicion"].between(0, 1).all()


def test_units_do_not_matter_and_neither_does_the_order_of_rows() -> None:
    generator = np.random.default_rng(0)
    one = table(clip_score=list(generator.normal(size=50)), pair_loss=list(generator.exponential(size=50)))
    found = in_sample_suspicion(one)
    scaled = in_sample_suspicion(one.assign(pair_loss=one["pair_loss"] * 1000, clip_score=one["clip_score"] * 7 - 3))
    pd.testing.assert_frame_equal(scaled, found)
    shuffled = one.sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(in_sample_suspicion(shuffled)["suspicion"].sort_index(), found["suspicion"])
    assert found["suspicion"].nunique() > 20


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [float("nan")] * 3, [1.0, float("nan"), 0.0]])
def test_ranks_are_a_permutation_whatever_ties_or_gaps_there_are(values: list[float]) -> None:
    found = in_sample_suspicion(table(clip_score=values, pair_loss=values))
    assert sorted(found["suspicion_rank"]) == [1, 2, 3]
    assert found["suspicion"].notna().all()


def test_the_pair_loss_is_the_mean_over_the_segmentations_that_hold_the_pair() -> None:
    one = problem()
    first = BatchSegmentation((np.array([0, 1, 2]), np.array([3, 4])), 12)
    second = BatchSegmentation((np.array([0, 4, 5]),), 12)
    each = torch.stack([pair_losses(one.feature_map, ClipLoss(), [s]) for s in (first, second)])
    both = pair_losses(one.feature_map, ClipLoss(), [first, second])
    torch.testing.assert_close(both[[0, 4]], each[:, [0, 4]].mean(0))
    assert not torch.isclose(each[0, 0], each[1, 0])
    torch.testing.assert_close(both[[1, 5]], torch.stack([each[0, 1], each[1, 5]]))
    assert both[6:].isnan().all()


def test_the_suggestion_is_the_best_other_caption_beyond_the_first_block_too() -> None:
    generator = torch.Generator().manual_seed(0)
    number = 1100
    text, image = (torch.nn.functional.normalize(torch.randn(number, 4, generator=generator), dim=1) for _ in range(2))
    captions = [f"caption {i}" for i in range(number)]
    found = suggested_captions(image, text, captions)
    similarity = (image @ text.T).fill_diagonal_(-2)
    assert found == [captions[i] for i in similarity.argmax(1).tolist()]
    assert all(one != own for one, own in zip(found, captions, strict=True))
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # every other caption fits worse than none
    assert suggested_captions(opposite, opposite, ["a cat", "a dog"]) == ["a dog", "a cat"]


def test_a_missing_value_is_middling_and_a_tie_goes_to_the_larger_loss() -> None:
    gap = in_sample_suspicion(table(clip_score=[0.9, float("nan"), 0.1], pair_loss=[0.1, 5.0, 9.0]))
    assert gap["suspicion_rank"].tolist() == [3, 2, 1]
    assert gap["suspicion"][1] == pytest.approx((0.5 + 2 / 3) / 2)
    tie = in_sample_suspicion(table(clip_score=[0.1, 0.9], pair_loss=[1.0, 2.0]))
    assert tie["suspicion"].nunique() == 1 and tie["suspicion_rank"].tolist() == [2, 1]


def test_only_a_plainly_odd_caption_is_named_among_the_reasons() -> None:
    found = with_oddities(["A fits badly.", "", ""], [0.3, 0.9, 0.0], ["It is long.", "It is a file name.", None])
    assert found == ["A fits badly.", "Its caption looks odd: It is a file name.", ""]
