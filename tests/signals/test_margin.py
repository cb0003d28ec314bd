"""The margin against its definition, pair by pair."""

from dataclasses import replace

import torch
from signals.spaces import own_and_made, space

from engine.signals.interface import Candidates
from engine.signals.margin import Margin


def test_the_margin_is_taken_to_the_best_other_caption_and_image() -> None:
    candidates = own_and_made(replace(space(), references=torch.arange(5, 60)))
    one = candidates.space
    found = Margin()(candidates)
    for row, (i, j) in enumerate(zip(candidates.images.tolist(), candidates.texts.tolist(), strict=True)):
        others = [n for n in range(5, 60) if n not in (i, j)]
        captions = max(float(one.image[i] @ one.text[n]) for n in others)
        images = max(float(one.image[n] @ one.text[j]) for n in others)
        own = float(one.image[i] @ one.text[j])
        assert abs(float(found[row]) - (own - (captions + images) / 2)) < 1e-12
    assert found.min() < 0 < found.max()
    assert found[:20].mean() > found[20:].mean()


def test_a_caption_that_stands_under_several_pictures_is_not_its_own_rival() -> None:
    one = space()
    text = one.text.clone()
    text[30:33] = text[0]
    repeated = replace(one, text=text)
    found = Margin()(Candidates(repeated, torch.tensor([0]), torch.tensor([0])))
    captions = text[[n for n in range(1, 60) if n not in (30, 31, 32)]] @ one.image[0]
    images = one.image[1:] @ text[0]
    torch.testing.assert_close(found[0], one.image[0] @ text[0] - (captions.max() + images.max()) / 2)
    assert float(found[0]) != float(one.image[0] @ text[0] - ((text[1:] @ one.image[0]).max() + images.max()) / 2)


def test_without_another_pair_there_is_no_margin() -> None:
    one = space(num_pairs=1)
    assert Margin()(Candidates(one, torch.tensor([0]), torch.tensor([0]))).isnan().all()
