"""Copies found by features, and captions that disagree over one picture."""

import numpy as np
import pandas as pd
import torch
from PIL import Image

from engine.pairs import duplicate_groups
from engine.pairs.fingerprint import perceptual_hash
from engine.signals.duplicates import caption_conflicts, feature_matches


def picture(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC)


def thirty_features() -> torch.Tensor:
    """Of 30 pictures with a common mean far from zero; 7 and 8 are nearly those of 0, 9 is 1 exactly."""
    features = torch.randn(30, 8, generator=torch.Generator().manual_seed(0)) + 20
    features[7:9] = features[0] + 1e-3 * torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    features[9] = features[1]
    return features


def test_pictures_with_nearly_the_same_features_are_copies_however_far_the_mean() -> None:
    features = thirty_features()
    left, right = feature_matches(features, np.full(30, None, dtype=object))
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == {(0, 7), (0, 8), (7, 8), (1, 9)}
    unit = torch.nn.functional.normalize(features, dim=1)
    assert float((unit @ unit.T).min()) > 0.98  # without the centring all would be copies


def test_a_hash_that_contradicts_keeps_pictures_apart() -> None:
    shown = [picture(number) for number in range(30)]
    shown[7] = shown[0].crop((4, 4, 92, 92)).convert("L").convert("RGB")  # 8 is another picture with such features
    hashes = np.array([perceptual_hash(one) for one in shown], dtype=object)
    hashes[9] = ""
    found = feature_matches(thirty_features(), hashes)
    assert set(zip(*(side.tolist() for side in found), strict=True)) == {(0, 7), (1, 9)}
    pairs = pd.DataFrame({"content_hash": [str(n) for n in range(30)], "perceptual_hash": hashes})
    assert (duplicate_groups(pairs) == -1).all()
    groups = duplicate_groups(pairs, found)
    assert groups[[0, 1, 7, 9]].tolist() == [0, 1, 0, 1]
    assert (groups >= 0).sum() == 4


def test_no_pairs_have_no_copies() -> None:
    assert [len(side) for side in feature_matches(torch.ones(1, 4), np.array([None], dtype=object))] == [0, 0]


def test_the_caption_that_disagrees_with_the_others_of_its_picture_conflicts_most() -> None:
    text = torch.nn.functional.normalize(torch.randn(9, 5, generator=torch.Generator().manual_seed(0)).double(), dim=1)
    text[1] = text[0]
    groups = np.array([0, 0, 0, -1, 1, 1, -1, -1, 1])
    found = caption_conflicts(groups, text)
    for pair in range(9):
        others = [n for n in range(9) if groups[n] == groups[pair] and n != pair]
        if groups[pair] < 0:
            assert np.isnan(found[pair])
        else:
            np.testing.assert_allclose(found[pair], 1 - float((text[others] @ text[pair]).mean()))
    assert found[:3].argmax() == 2
    assert np.isnan(caption_conflicts(np.full(9, -1), text)).all()
