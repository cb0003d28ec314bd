"""Pairs made wrong on purpose are wrong, are the same again for the same seed, and near ones are near."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from spaces import space

from engine.signals.wrong_on_purpose import CONFUSED, ELSEWHERE, NEAR, NUM_NEAR, confusions, kinds_for, wrong_captions

ROWS = torch.arange(0, 60, 2)


def made(one, kind: str, seed: int = 0):
    return wrong_captions(one, ROWS, kind, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [ELSEWHERE, NEAR])
def test_no_candidate_has_its_own_caption_or_picture(kind: str) -> None:
    repeated = torch.arange(60)
    one = replace(space(), caption_ids=repeated % 4, image_ids=repeated // 6)
    for seed in range(20):
        found = made(one, kind, seed)
        assert (one.caption_ids[found.texts] != one.caption_ids[found.images]).all()
        assert (one.image_ids[found.texts] != one.image_ids[found.images]).all()
        assert torch.isin(found.images, ROWS).all() and len(found.images.unique()) == len(found.images)
        assert len(found.images) > 15
    again = made(one, kind, 19)
    assert torch.equal(again.texts, found.texts) and torch.equal(again.images, found.images)
    assert not torch.equal(made(one, kind, 1).texts[:15], found.texts[:15])


def test_captions_from_elsewhere_are_of_pairs_that_are_unseen_too() -> None:
    found = made(space(), ELSEWHERE)
    assert torch.isin(found.texts, ROWS).all() and len(found.texts.unique()) > 10


def test_near_captions_are_among_the_nearest_with_another_text() -> None:
    copies = torch.arange(60) // 2  # every caption stands twice
    one = space()
    one = replace(one, text=one.text[2 * copies], caption_ids=copies)
    found, drawn = made(one, NEAR), []
    for image, text in zip(found.images.tolist(), found.texts.tolist(), strict=True):
        cosine = one.text @ one.text[image]
        others = sorted((float(cosine[j]) for j in range(60) if copies[j] != copies[image]), reverse=True)
        rank = sum(value > float(cosine[text]) + 1e-9 for value in others)
        assert rank < NUM_NEAR
        drawn.append(rank)
    assert len(found.images) == len(ROWS) and len(set(drawn)) > 2


def test_where_all_captions_are_the_same_none_can_be_made() -> None:
    one = replace(space(), caption_ids=torch.zeros(60, dtype=torch.int64))
    assert len(made(one, ELSEWHERE).images) == len(made(one, NEAR).images) == 0


def test_confused_captions_are_of_the_classes_that_the_own_one_is_taken_for() -> None:
    labels = np.arange(60) % 3
    truth = np.where(np.arange(60) % 10 == 0, (labels + 1) % 3, labels)  # a tenth is called by the name before its own
    one = replace(space(), labels=labels, class_probabilities=0.05 + 0.85 * np.eye(3)[truth])
    found = confusions(labels, one.class_probabilities)
    np.testing.assert_allclose(found, np.eye(3)[[2, 0, 1]])  # [true, called]
    images, texts = (positions.numpy() for positions in (made(one, CONFUSED).images, made(one, CONFUSED).texts))
    assert len(images) == len(ROWS) and (labels[texts] == (labels[images] + 2) % 3).all()
    assert torch.isin(torch.from_numpy(texts), ROWS).all()


def test_a_class_that_is_never_confused_is_called_anything_else() -> None:
    labels = np.arange(60) % 3
    clear = np.full((60, 4), np.nan)
    clear[:, :3] = np.eye(3)[labels]
    found = confusions(labels, clear)
    np.testing.assert_allclose(found[:3, :3], 0.5 * (1 - np.eye(3)))
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found[:, 3] == 0).all() and (confusions(np.zeros(60, dtype=int), clear)[0] == 0).all()


def test_kinds_are_those_that_the_data_set_allows() -> None:
    without = replace(space(120), class_probabilities=None)
    assert kinds_for(without) == (ELSEWHERE, NEAR) and kinds_for(space(120)) == (ELSEWHERE, CONFUSED, NEAR)
    assert kinds_for(replace(without, caption_ids=torch.arange(120) % 10)) == (ELSEWHERE,)
