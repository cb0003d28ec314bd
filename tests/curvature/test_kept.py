"""Solutions that are kept: read again bit by bit, and never taken for another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.curvature import KeptInverse, Solution, SolveStatus, kept

SIDES = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Slow:
    """An inverse that counts what it solves."""

    damping = 0.5

    def __init__(self) -> None:
        self.solved = 0

    def solve(self, gradients: torch.Tensor) -> Solution:
        self.solved += 1
        return Solution(gradients / 3, gradients.norm(dim=1), 7, SolveStatus.NOT_CONVERGED)


@pytest.fixture(autouse=True)
def every_solve_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_FROM_SECONDS", 0.0)


def unbuilt() -> Slow:
    raise AssertionError("built although the solution is there")


def test_a_kept_solution_is_read_again_without_building_the_inverse(tmp_path: Path) -> None:
    slow = Slow()
    first = KeptInverse(lambda: slow, tmp_path / "solves", "run").solve(SIDES)
    again = KeptInverse(unbuilt, tmp_path / "solves", "run").solve(SIDES.clone())
    assert torch.equal(first.values, again.values) and torch.equal(first.residuals, again.residuals)
    assert (again.iterations, again.status) == (7, SolveStatus.NOT_CONVERGED) and slow.solved == 1


@pytest.mark.parametrize("other", ["key", "bits", "rows", "dtype"])
def test_a_solution_of_something_else_is_not_taken(tmp_path: Path, other: str) -> None:
    KeptInverse(Slow, tmp_path, "run").solve(SIDES)
    sides = {"bits": SIDES * (1 + 2**-52), "rows": SIDES.flip(0), "dtype": SIDES.float()}.get(other, SIDES)
    slow = Slow()
    found = KeptInverse(lambda: slow, tmp_path, "other" if other == "key" else "run").solve(sides)
    assert slow.solved == 1 and torch.equal(found.values, sides / 3)


@pytest.mark.parametrize("damage", ["cut", "empty", "not finite"])
def test_a_damaged_file_is_solved_again(tmp_path: Path, damage: str) -> None:
    KeptInverse(Slow, tmp_path, "run").solve(SIDES)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    value = (SIDES / 3)[0, 0].numpy().tobytes()
    nan = torch.tensor(float("nan"), dtype=torch.float64).numpy().tobytes()
    path.write_bytes({"cut": whole[:-9], "empty": b"", "not finite": whole.replace(value, nan)}[damage])
    slow = Slow()
    found = KeptInverse(lambda: slow, tmp_path, "run").solve(SIDES)
    assert slow.solved == 1 and torch.equal(found.values, SIDES / 3)


def test_quick_solves_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_FROM_SECONDS", 1000.0)
    KeptInverse(Slow, tmp_path / "solves", "run").solve(SIDES)
    assert not (tmp_path / "solves").exists()
