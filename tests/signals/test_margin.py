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


def test_pairs_with_the_same_caption_or_picture_are_no_rivals() -> None:
    one = space()
    text, image = one.text.clone(), one.image.clone()
    text[30], image[31] = text[0], image[0]
    given = replace(one, text=text, image=image)
    ids = torch.arange(60)
    known = replace(given, caption_ids=ids.where(ids != 30, 0), image_ids=ids.where(ids != 31, 0))
    unknown, found = (float(Margin()(Candidates(each, ids[:1], ids[:1]))[0]) for each in (given, known))
    others = [n for n in range(1, 60) if n not in (30, 31)]
    best = (text[others] @ image[0]).max() + (image[others] @ text[0]).max()
    assert abs(found - float(image[0] @ text[0] - best / 2)) < 1e-12
    assert unknown < found - 1e-3  # its own caption and picture, met elsewhere, would beat it


def test_the_caption_that_a_picture_had_is_no_rival_of_the_one_it_was_given() -> None:
    one = space()
    text = one.text.clone()
    text[0] = one.image[0]  # no caption could fit the picture better
    swapped = Candidates(replace(one, text=text), torch.tensor([0]), torch.tensor([7]))
    found = float(Margin()(swapped)[0])
    others = [n for n in range(60) if n not in (0, 7)]
    best = (text[others] @ one.image[0]).max() + (one.image[others] @ text[7]).max()
    assert abs(found - float(one.image[0] @ text[7] - best / 2)) < 1e-12
    assert float(best) < 1 + float((one.image[others] @ text[7]).max())


def test_without_another_pair_there_is_no_margin() -> None:
    one = space(num_pairs=1)
    assert Margin()(Candidates(one, torch.tensor([0]), torch.tensor([0]))).isnan().all()
