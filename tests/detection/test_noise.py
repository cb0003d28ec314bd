"""Planted noise: as many wrong pairs as asked for, never one that is right, the same by the same seed."""

import numpy as np
import pytest

from engine.detection.noise import NEAREST, PairFacts, plant, recorded
from engine.errors import ConfigError

PAIRS = 400


def facts(num_captions: int = PAIRS, num_classes: int = 4) -> PairFacts:
    generator = np.random.default_rng(0)
    captions = generator.permutation(np.arange(PAIRS) % num_captions)
    features = generator.normal(size=(num_captions, 8))
    return PairFacts(captions, np.arange(PAIRS) // 2, captions % num_classes, features[captions])


@pytest.mark.parametrize("kind", ["shuffled", "near", "confusion"])
@pytest.mark.parametrize("num_captions", [8, PAIRS])
def test_as_many_pairs_as_asked_for_get_a_caption_that_does_not_fit(kind: str, num_captions: int) -> None:
    known = facts(num_captions)
    found = plant(kind, known, 0.3, seed=1)
    moved = found.positions != np.arange(PAIRS)
    own = {(image, caption) for image, caption in zip(known.image_ids, known.caption_ids, strict=True)}
    carried = known.caption_ids[found.positions]
    by_hand = np.array([(i, c) not in own for i, c in zip(known.image_ids, carried, strict=True)])
    assert (found.is_wrong == by_hand).all() and moved.sum() == 120
    if kind != "confusion":  # which draws a caption of the other class even for a picture that has one
        assert (found.is_wrong == moved).all()
    assert found.is_wrong.sum() >= 100


@pytest.mark.parametrize("kind", ["shuffled", "near", "confusion"])
def test_the_same_seed_plants_the_same_and_another_one_does_not(kind: str) -> None:
    one, again, other = (plant(kind, facts(), 0.2, seed).positions for seed in (3, 3, 4))
    assert (one == again).all() and (one != other).any()


@pytest.mark.parametrize("kind", ["shuffled", "near"])
def test_a_permutation_uses_every_caption_once(kind: str) -> None:
    positions = plant(kind, facts(), 0.3, seed=0).positions
    assert sorted(positions) == list(range(PAIRS)) and (positions != np.arange(PAIRS)).any()


def test_near_captions_are_among_the_nearest_and_shuffled_ones_are_not() -> None:
    known = facts()
    text = known.text - known.text.mean(0)
    text = text / np.linalg.norm(text, axis=1, keepdims=True)
    likeness = text @ text.T - 9 * np.eye(PAIRS)
    rank = (-likeness).argsort(1).argsort(1)
    near, shuffled = (plant(kind, known, 0.2, 0) for kind in ("near", "shuffled"))
    both_ways = np.minimum(rank, rank.T)
    assert (both_ways[near.is_wrong, near.positions[near.is_wrong]] < NEAREST).all()
    assert np.median(both_ways[shuffled.is_wrong, shuffled.positions[shuffled.is_wrong]]) > NEAREST


def test_confusion_takes_one_class_to_one_other() -> None:
    known = facts()
    found = plant("confusion", known, 0.4, seed=0)
    moved = found.positions != np.arange(PAIRS)
    targets = {own: set(known.labels[found.positions[moved & (known.labels == own)]].tolist()) for own in range(4)}
    assert all(len(one) == 1 and own not in one for own, one in targets.items())
    assert set.union(*targets.values()) == set(range(4))


def test_what_the_captions_do_not_allow_is_said() -> None:
    captions = np.array([0] * 90 + [1] * 10)
    lopsided = PairFacts(captions, np.arange(100), np.full(100, -1), np.eye(2)[captions])
    for kind in ("shuffled", "near"):
        with pytest.raises(ConfigError, match=f"{kind} noise can reach"):
            plant(kind, lopsided, 0.5, 0)
    with pytest.raises(ConfigError, match="labels"):
        plant("confusion", lopsided, 0.1, 0)
    assert plant("near", lopsided, 0.1, 0).is_wrong.sum() == 10


def test_recorded_noise_moves_nothing() -> None:
    is_wrong = np.array([True, False, False])
    found = recorded(is_wrong, np.array([True, True, False]))
    assert found.positions.tolist() == [0, 1, 2] and found.is_wrong is is_wrong
