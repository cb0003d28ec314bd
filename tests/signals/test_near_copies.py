"""Near copies among very many, against looking at every two."""

import numpy as np
import pytest
import torch

from engine.signals import duplicates
from engine.signals.duplicates import MIN_SIMILARITY, feature_matches
from engine.signals.near_copies import near_copies


def rows_with_copies(dim: int = 32) -> tuple[torch.Tensor, np.ndarray]:
    """Clustered rows, 600 of which are followed by something like them; and what each is a copy of."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(20, dim, generator=generator)
    rows = centres[torch.randint(20, (4000,), generator=generator)] + torch.randn(4000, dim, generator=generator)
    noise = torch.randn(600, dim, generator=generator) * torch.linspace(0, 0.25, 600)[:, None]
    return torch.cat([rows, rows[:600] + noise]) + 3, np.concatenate([np.arange(4000), np.arange(600)])


def exact(rows: torch.Tensor) -> set[tuple[int, int]]:
    centred = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    left, right = ((centred @ centred.T).triu(1) >= MIN_SIMILARITY).nonzero().T
    return set(zip(left.tolist(), right.tolist(), strict=True))


def test_nearly_all_near_copies_are_found_and_nothing_else() -> None:
    rows, original = rows_with_copies()
    expected = exact(rows)
    found = set(zip(*(side.tolist() for side in near_copies(rows, MIN_SIMILARITY)), strict=True))
    assert 300 < len(expected) < 599 and found <= expected
    assert len(found) >= 0.98 * len(expected)
    assert all((int(original[4000 + n]), 4000 + n) in found for n in range(100))  # the nearest copies: all


def test_above_the_size_feature_matches_are_found_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = rows_with_copies()
    hashes = np.full(len(rows), None, dtype=object)
    by_neighbours = set(zip(*(side.tolist() for side in feature_matches(rows, hashes)), strict=True))
    monkeypatch.setattr(duplicates, "EXACT_UP_TO", 100)
    by_hashing = set(zip(*(side.tolist() for side in feature_matches(rows, hashes)), strict=True))
    assert len(by_hashing & by_neighbours) >= 0.98 * len(by_neighbours) > 300


def test_many_copies_of_one_are_connected_and_others_do_not_bother() -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(500, 16, generator=generator)
    rows[100:150] = rows[100]
    left, right = near_copies(rows, MIN_SIMILARITY)
    group = np.arange(500)
    for one, other in zip(left, right, strict=True):
        group[group == group[other]] = group[one]
    assert len(np.unique(group[100:150])) == 1 and len(np.unique(group)) == 451
    assert len(near_copies(rows[:1], MIN_SIMILARITY)[0]) == 0
