"""Neighbours by cosine, against every similarity written out; the graph against the exact ones; memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.signals import neighbours
from engine.signals.neighbours import NeighbourIndex

ROOT = Path(__file__).resolve().parents[2]


def features(num_pairs: int, embed_dim: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Unit features around some centres, as features of pictures are, `[pairs, embed_dim]`."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(50, embed_dim, generator=generator, dtype=dtype)
    rows = centres[torch.randint(50, (num_pairs,), generator=generator)]
    rows = rows + 0.7 * torch.randn(num_pairs, embed_dim, generator=generator, dtype=dtype)
    return torch.nn.functional.normalize(rows, dim=1)


def own(num_pairs: int) -> Tensor:
    """Every pair and the one after it, `[pairs, 2]`."""
    return torch.stack([torch.arange(num_pairs), (torch.arange(num_pairs) + 1) % num_pairs], 1)


def test_neighbours_are_the_largest_cosines_without_the_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = features(60, 8)
    monkeypatch.setattr(neighbours, "FLOATS_AT_ONCE", 7 * 60)  # several chunks, the last one shorter
    found = NeighbourIndex(known).nearest(known, 5, own(60))
    for row in range(60):
        others = [k for k in range(60) if k not in (row, (row + 1) % 60)]
        best = sorted(others, key=lambda k: -float(known[row] @ known[k]))[:5]
        assert found.positions[row].tolist() == best
        torch.testing.assert_close(found.similarity[row], known[best] @ known[row])
    with_all = NeighbourIndex(known).nearest(known, 5, torch.empty(60, 0, dtype=torch.long))
    assert (with_all.positions[:, 0] == torch.arange(60)).all()  # a pair is its own nearest, unless excluded


def test_few_pairs_give_few_neighbours() -> None:
    known = features(5, 4)
    found = NeighbourIndex(known).nearest(known, 30, own(5))
    assert found.positions.shape == (5, 3) and found.similarity.isfinite().all()
    assert NeighbourIndex(known).nearest(known[:0], 30, own(5)[:0]).positions.shape == (0, 3)
    alone = NeighbourIndex(known[:1]).nearest(known[:1], 30, torch.zeros(1, 1, dtype=torch.long))
    assert alone.similarity.tolist() == [[-torch.inf]]


def test_the_graph_finds_nearly_all_neighbours_and_their_exact_cosines() -> None:
    known = features(6000, 32, dtype=torch.float32)
    rows, excluded = known[:500], own(6000)[:500]
    exact = NeighbourIndex(known).nearest(rows, 30, excluded)
    found = NeighbourIndex(known, exact_up_to=100).nearest(rows, 30, excluded)
    shared = (found.positions[:, :, None] == exact.positions[:, None]).any(2)
    assert shared.float().mean() >= 0.95
    assert not (found.positions[:, :, None] == excluded[:, None]).any()
    assert (found.similarity.diff(dim=1) <= 0).all()
    torch.testing.assert_close(found.similarity, torch.einsum("rd,rnd->rn", rows, known[found.positions]))
    again = NeighbourIndex(known, exact_up_to=100).nearest(rows, 30, excluded)
    assert torch.equal(again.positions, found.positions)


@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_the_graph_survives_a_few_captions_repeated_over_all_pairs(noise: float) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(10, (4000,), generator=generator)
    known = features(10, 16, dtype=torch.float32)[labels] + noise * torch.randn(4000, 16, generator=generator)
    known = torch.nn.functional.normalize(known, dim=1)
    found = NeighbourIndex(known, exact_up_to=100).nearest(known[:300], 30, own(4000)[:300])
    assert (labels[found.positions] == labels[:300, None]).all()
    assert not (found.positions[:, :, None] == own(4000)[:300, None]).any()
    first = found.positions[labels[:300] == 0]
    assert len(first.unique()) > 4 * 30  # equals are told apart by nothing, so rows see different ones


def test_copies_are_counted_pair_by_pair() -> None:
    known = features(12, 4)[[0, 1, 0, 2, 1, 0, 3, 4, 5, 6, 7, 8]]
    found = NeighbourIndex(known).nearest(known, 3, torch.arange(12)[:, None])
    similarity = (known @ known.T).fill_diagonal_(-torch.inf)
    torch.testing.assert_close(found.similarity, similarity.topk(3, 1).values)
    assert set(found.positions[0, :2].tolist()) == {2, 5}


MEMORY = """
import resource, torch
from engine.signals.neighbours import NeighbourIndex
known = torch.nn.functional.normalize(torch.randn(20_000, 16, generator=torch.Generator().manual_seed(0)), dim=1)
own = torch.arange(20_000)[:, None]
NeighbourIndex(known[:100]).nearest(known[:100], 30, own[:100])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
NeighbourIndex(known).nearest(known[:10_000], 30, own[:10_000])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is another elsewhere")
def test_exact_neighbours_never_hold_all_similarities() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, cwd=ROOT, check=True)
    assert int(done.stdout) < 250  # MiB; all similarities would be 763
