"""Losses against other captions and other pictures, against a softmax written out pair by pair."""

import math
from dataclasses import replace

import pytest
import torch
from spaces import own_and_made, space

from engine.signals import EVIDENCE
from engine.signals.association import association_table
from engine.signals.competition import CompetitionLoss
from engine.signals.interface import LEAST_TRUST, NUM_NEIGHBOURS, Candidates, Space

SIDES = [(over, by) for over in ("captions", "images") for by in ("similarity", "association")]


def uneven() -> Space:
    """A space with repeated captions and pictures, uneven trust (one pair without any) and some references."""
    one = space()
    trust = torch.linspace(0, 1, 60, dtype=torch.float64)
    repeated = torch.arange(60)
    return replace(
        one,
        trust=trust,
        references=torch.arange(0, 60, 2),
        caption_ids=repeated.where(repeated % 7 != 0, 0),
        image_ids=repeated.where(repeated % 5 != 0, 0),
    )


def scores(one: Space, by: str) -> torch.Tensor:
    """Of every image (rows) with every caption (columns)."""
    if by == "similarity":
        return one.logit_scale * one.image @ one.text.T
    return association_table(one.variates, one.variates.image, one.variates.text)


@pytest.mark.parametrize(("over", "by"), SIDES)
def test_the_loss_is_a_softmax_over_trusted_wrong_answers(over: str, by: str) -> None:
    one = uneven()
    asked, table = own_and_made(one), scores(one, by)
    found = CompetitionLoss(over, by)(asked)
    masked = 0
    for row, (image, text) in enumerate(zip(asked.images.tolist(), asked.texts.tolist(), strict=True)):
        own = math.exp(table[image, text])
        total = own
        for other in one.references.tolist():
            same_answer = (
                one.caption_ids[other] == one.caption_ids[text] or one.image_ids[other] == one.image_ids[image]
            )
            if same_answer or other in (image, text):
                masked += 1
                continue
            score = table[image, other] if over == "captions" else table[other, text]
            total += max(float(one.trust[other]), LEAST_TRUST) * math.exp(score)
        assert float(found[row]) == pytest.approx(-math.log(own / total), rel=1e-9)
    assert masked > 2 * len(found) and found.std() > 0.1


@pytest.mark.parametrize(("over", "by"), SIDES)
def test_among_alike_only_the_answers_of_the_nearest_pairs_compete(over: str, by: str) -> None:
    one = space(100)
    asked, table = own_and_made(one), scores(one, by)
    found = CompetitionLoss(over, by, among_alike=True)(asked)
    features, half = (one.image, asked.images) if over == "captions" else (one.text, asked.texts)
    for row, (image, text) in enumerate(zip(asked.images.tolist(), asked.texts.tolist(), strict=True)):
        near = features @ features[half[row]]
        near[[image, text]] = -2
        alike = near.topk(NUM_NEIGHBOURS).indices
        rivals = table[image, alike] if over == "captions" else table[alike, text]
        expected = torch.cat([rivals, table[image, text][None]]).logsumexp(0) - table[image, text]
        torch.testing.assert_close(found[row], expected)
    assert not torch.allclose(found, CompetitionLoss(over, by)(asked), rtol=0.05)


def test_less_trust_in_the_rivals_is_less_loss() -> None:
    one = space()
    trusted = CompetitionLoss("captions", "similarity")(own_and_made(one))
    doubted = CompetitionLoss("captions", "similarity")(own_and_made(replace(one, trust=0.1 * one.trust)))
    assert (doubted < trusted).all() and (doubted > 0).all()
    torch.testing.assert_close(doubted.exp() - 1, 0.1 * (trusted.exp() - 1))


def test_without_a_rival_nothing_is_lost() -> None:
    one = replace(space(), caption_ids=torch.zeros(60, dtype=torch.int64))
    for over, by in SIDES:
        assert CompetitionLoss(over, by)(own_and_made(one)).tolist() == [0.0] * 40
    two = space(2)
    alone = Candidates(two, torch.tensor([0]), torch.tensor([1]))
    assert CompetitionLoss("captions", "similarity", among_alike=True)(alone).tolist() == [0.0]


def test_every_piece_of_evidence_has_its_own_name_and_a_sign() -> None:
    names = [signal.name for signal in EVIDENCE]
    assert len(set(names)) == len(names) and {signal.sign for signal in EVIDENCE} == {-1, 1}
    assert "alike_image_association_loss" in names and "caption_loss" in names
