"""Facts about an embedding space, against their definitions and against spaces with known answers."""

import math

import pytest
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.signals import health as module
from engine.signals.health import angular_drift, effective_rank, health, uniformity


def unit(num_pairs: int, embed_dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(num_pairs, embed_dim, generator=generator).double(), dim=1)


def test_the_effective_rank_is_the_exponential_of_the_entropy_of_singular_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = unit(50, 6) * torch.tensor([5.0, 2, 1, 1, 0.5, 0.1]).double()
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    share = torch.linalg.svdvals(features)
    share = share / share.sum()
    expected = math.exp(-float((share * share.log()).sum()))
    assert abs(effective_rank(features) - expected) < 1e-9
    assert 1.5 < expected < 5.5
    assert abs(effective_rank(torch.eye(8).double().repeat(5, 1)) - 8) < 1e-9
    assert abs(effective_rank(unit(1, 8).repeat(20, 1)) - 1) < 1e-6


def test_gap_alignment_and_uniformity_follow_their_definitions() -> None:
    image, text = unit(40, 5), unit(40, 5, seed=1)
    found = health(image, text)
    assert abs(found.modality_gap - float((image.mean(0) - text.mean(0)).norm())) < 1e-12
    assert abs(found.alignment - float((2 - 2 * (image * text).sum(1)).mean())) < 1e-12
    kernel = [
        math.exp(-2 * float((image[n] - image[m]).square().sum())) for n in range(40) for m in range(40) if n != m
    ]
    assert abs(found.image_uniformity - math.log(sum(kernel) / len(kernel))) < 1e-12
    assert found.image_uniformity != found.text_uniformity
    assert (found.image_rank, found.text_rank) == (effective_rank(image), effective_rank(text))


def test_uniformity_looks_at_no_more_pairs_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    features = unit(2000, 16)
    whole = uniformity(features)
    monkeypatch.setattr(module, "MOST_COMPARED", 500)
    part = uniformity(features)
    assert part != whole and abs(part - whole) < 0.05
    assert part == uniformity(features)


def test_words_tell_a_usable_space_from_a_collapsed_one() -> None:
    image = unit(500, 16)
    usable = health(image, torch.nn.functional.normalize(image + 0.3 * unit(500, 16, seed=1), dim=1))
    place = torch.nn.functional.normalize(unit(1, 16) + 0.05 * image, dim=1)
    collapsed = health(place, -place)
    assert all(text.endswith("That is usual.") for text in usable.words.values())
    assert not any(text.endswith("That is usual.") for text in collapsed.words.values())


def test_angular_drift_is_the_angle_even_when_tiny() -> None:
    before = torch.tensor([[1.0, 0.0]] * 4)
    degrees = torch.tensor([0.0, 0.001, 90.0, 180.0], dtype=torch.float64)
    radians = torch.deg2rad(degrees)
    after = torch.stack([radians.cos(), radians.sin()], 1).float()
    torch.testing.assert_close(angular_drift(before, after), degrees.float(), rtol=1e-4, atol=1e-5)
    assert float((before * after).sum(1)[1].arccos()) == 0  # the plain formula loses it in single precision


def test_models_of_different_size_cannot_be_compared() -> None:
    with pytest.raises(ModelError, match="tuned from"):
        angular_drift(unit(3, 4), unit(3, 5))
