"""LEMoN against its formula, term by term in float64."""

import math

import pytest
import torch
from signals.spaces import own_and_made, space

from engine.signals import lemon as module
from engine.signals.interface import Candidates
from engine.signals.lemon import Lemon, LemonImage, LemonText


def distance(left, right) -> float:
    return 1 - float(left @ right)


def by_hand(one, i: int, j: int) -> tuple[float, float]:
    """Image and text side of the image of pair i with the caption of pair j."""
    others = [n for n in range(len(one.image)) if n not in (i, j)]
    x, y = one.image[i], one.text[j]
    near_x = sorted(others, key=lambda n: distance(x, one.image[n]))[:30]
    near_y = sorted(others, key=lambda n: distance(y, one.text[n]))[:30]

    def trust(n: int) -> float:
        return math.exp(-5 * distance(one.image[n], one.text[n]))

    image = [distance(y, one.text[n]) * math.exp(-0.1 * distance(x, one.image[n])) * trust(n) for n in near_x]
    text = [distance(x, one.image[n]) * math.exp(-0.1 * distance(y, one.text[n])) * trust(n) for n in near_y]
    return sum(image) / 30, sum(text) / 30


def test_each_side_and_the_sum_follow_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLOATS_AT_ONCE", 7 * 30 * 6)  # several chunks
    candidates = own_and_made(space())
    image, text, both = (signal(candidates) for signal in (LemonImage(), LemonText(), Lemon()))
    assert float((image - text).abs().min()) > 1e-6  # the sides are not the same number
    for row, (i, j) in enumerate(zip(candidates.images.tolist(), candidates.texts.tolist(), strict=True)):
        sides = by_hand(candidates.space, i, j)
        total = distance(candidates.space.image[i], candidates.space.text[j]) + 5 * sides[0] + 5 * sides[1]
        found = torch.stack([image[row], text[row], both[row]])
        torch.testing.assert_close(found, torch.tensor([*sides, total], dtype=torch.float64))


def test_pairs_made_wrong_look_more_suspect() -> None:
    found = Lemon()(own_and_made(space()))
    assert (found[20:, None] > found[:20]).double().mean() > 0.7


def test_a_lone_pair_is_not_judged() -> None:
    one = space(num_pairs=1)
    assert Lemon()(Candidates(one, torch.tensor([0]), torch.tensor([0]))).isnan().all()
