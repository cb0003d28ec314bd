"""Label quality against its formula; class probabilities come from folds that lack the image."""

from dataclasses import replace

import numpy as np
import torch
from signals.spaces import own_and_made, space

from engine.signals.confident_learning import FoldClassifiers, LabelQuality


def images_in_classes(num_pairs: int = 300, num_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes that they tell apart, mostly."""
    generator = np.random.default_rng(0)
    labels = np.arange(num_pairs) % num_classes
    centres = generator.normal(size=(num_classes, 8))
    return centres[labels] * 50 + 40 * generator.normal(size=(num_pairs, 8)) + 1000, labels


def class_probabilities(features, labels, folds, num_classes, trust=None) -> np.ndarray:
    images = torch.from_numpy(features)
    return FoldClassifiers.fitted(images, labels, folds, num_classes, trust).probabilities(images, folds)


def test_label_quality_is_the_normalized_margin_of_the_captions_class_in_the_image() -> None:
    candidates = own_and_made(space())
    found = LabelQuality()(candidates)
    for row, (i, j) in enumerate(zip(candidates.images.tolist(), candidates.texts.tolist(), strict=True)):
        own, probabilities = candidates.space.labels[j], candidates.space.class_probabilities[i]
        margin = probabilities[own] - max(p for c, p in enumerate(probabilities) if c != own)
        assert abs(float(found[row]) - (margin + 1) / 2) < 1e-12
    assert found[:20].mean() > found[20:].mean()


def test_pairs_without_a_label_or_with_a_class_never_fitted_are_not_judged() -> None:
    one = space()
    assert LabelQuality()(own_and_made(replace(one, class_probabilities=None))).isnan().all()
    probabilities = one.class_probabilities.copy()
    probabilities[:, 2] = np.nan
    labels = one.labels.copy()
    labels[0] = -1
    candidates = own_and_made(replace(one, labels=labels, class_probabilities=probabilities))
    of_caption = labels[candidates.texts.numpy()]
    assert (LabelQuality()(candidates).isnan().numpy() == ((of_caption < 0) | (of_caption == 2))).all()
    assert len(set(of_caption.tolist())) == 4


def test_probabilities_are_those_of_a_classifier_that_did_not_see_the_image() -> None:
    features, labels = images_in_classes()
    folds = np.arange(300) // 3 % 4
    found = class_probabilities(features, labels, folds, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found.argmax(1) == labels).mean() > 0.8
    turned = labels.copy()
    turned[folds == 1] = (turned[folds == 1] + 1) % 3
    again = class_probabilities(features, turned, folds, 3)
    np.testing.assert_array_equal(again[folds == 1], found[folds == 1])
    assert not np.allclose(again[folds == 0], found[folds == 0])


def test_distrusted_pairs_do_not_teach() -> None:
    features, labels = images_in_classes()
    folds, trust = np.arange(300) // 3 % 4, np.ones(300)
    wrong = np.random.default_rng(1).random(300) < 0.3
    taught = np.where(wrong, (labels + 1) % 3, labels)
    trust[wrong] = 0
    found = class_probabilities(features, taught, folds, 3, trust)
    unlabelled = class_probabilities(features, np.where(wrong, -1, labels), folds, 3)
    np.testing.assert_allclose(found, unlabelled)
    assert not np.allclose(found, class_probabilities(features, taught, folds, 3))


def test_classes_with_few_members_and_unlabelled_pairs_do_not_stop_it() -> None:
    features, labels = images_in_classes()
    labels[:5] = -1
    labels[7] = 3  # alone: unknown where its own fold is left out
    found = class_probabilities(features, labels, np.arange(300) % 4, 5)
    assert np.isfinite(found[:, :3]).all() and np.isnan(found[:, 4]).all()
    assert np.isnan(found[3::4, 3]).all() and np.isfinite(found[0::4, 3]).all()
    one_class = class_probabilities(features, np.where(labels == 1, 1, -1), np.arange(300) % 4, 3)
    assert (one_class[:, 1] == 1).all() and np.isnan(one_class[:, 0]).all()
    assert np.isnan(class_probabilities(features, np.full(300, -1), np.arange(300) % 4, 3)).all()
    assert isinstance(LabelQuality()(own_and_made(space())), torch.Tensor)
