"""The map: deterministic, near stays near, and whole for few, many and equal pairs."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.projection import map_positions


def clusters(num_pairs: int, num_clusters: int = 6, embed_dim: int = 16, seed: int = 0) -> tuple[Tensor, np.ndarray]:
    """Unit features around some centres, and the centre of each."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(num_clusters, embed_dim, generator=generator)
    which = torch.randint(num_clusters, (num_pairs,), generator=generator)
    rows = centres[which] + 0.3 * torch.randn(num_pairs, embed_dim, generator=generator)
    return torch.nn.functional.normalize(rows, dim=1), which.numpy()


def share_of_nearest_in_own_cluster(points: np.ndarray, which: np.ndarray) -> float:
    distance = ((points[:, None].astype(float) - points[None]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    return float((which[distance.argmin(1)] == which).mean())


@pytest.mark.parametrize("num_landmarks", [2500, 120])
def test_what_is_near_in_the_features_is_near_on_the_map_for_landmarks_and_all_others(num_landmarks: int) -> None:
    features, which = clusters(400)
    points = map_positions(features, num_landmarks=num_landmarks)
    assert share_of_nearest_in_own_cluster(points, which) >= 0.97
    shuffled = np.random.default_rng(0).permutation(which)
    assert share_of_nearest_in_own_cluster(points, shuffled) < 0.4  # the measure can fail
    assert points.dtype == np.float32 and np.abs(points).max() == pytest.approx(1)


def test_the_same_features_give_the_same_map_and_another_seed_another_one() -> None:
    features, _ = clusters(300)
    first = map_positions(features, num_landmarks=100)
    np.testing.assert_array_equal(map_positions(features, num_landmarks=100), first)
    assert not np.allclose(map_positions(features, seed=1, num_landmarks=100), first)


@pytest.mark.parametrize("num_pairs", [1, 2, 3, 4, 5, 6, 10])
def test_few_pairs_stand_apart_within_the_map(num_pairs: int) -> None:
    points = map_positions(clusters(num_pairs)[0])
    assert points.shape == (num_pairs, 2) and np.isfinite(points).all() and np.abs(points).max() <= 1
    assert len(np.unique(points, axis=0)) == num_pairs


def test_pairs_with_equal_features_stand_side_by_side_and_no_two_on_one_point() -> None:
    alike = torch.nn.functional.normalize(torch.ones(50, 8), dim=1)
    points = map_positions(alike)
    assert np.isfinite(points).all() and len(np.unique(points, axis=0)) == 50
    features = clusters(5)[0]
    repeated = features[torch.arange(200) % 5]
    spread = map_positions(repeated)
    assert len(np.unique(spread, axis=0)) == 200
    centres = np.stack([spread[number::5].mean(0) for number in range(5)])
    nearest = ((spread[:, None] - centres) ** 2).sum(2).argmin(1)
    assert (nearest == np.arange(200) % 5).mean() > 0.9


def test_one_feature_or_two_are_enough() -> None:
    line = torch.nn.functional.normalize(torch.tensor([[1.0], [1.0], [-1.0]]), dim=1)
    assert np.isfinite(map_positions(line)).all()
    angles = torch.linspace(0, 3, 40)
    assert np.isfinite(map_positions(torch.stack([angles.cos(), angles.sin()], 1))).all()
