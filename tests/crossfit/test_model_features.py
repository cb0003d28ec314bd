"""Whether the model itself may testify."""

from dataclasses import replace

import torch
from planted import planted

from engine.crossfit.inputs import PairInputs
from engine.crossfit.model_features import LEAST_VALIDATION, may_testify, model_similarity
from engine.models.interface import Heads


def tuned(inputs: PairInputs, fitted_to: torch.Tensor, text: torch.Tensor) -> Heads:
    """Heads that map the images onto given captions by least squares, and captions onto themselves."""
    image_head = torch.linalg.lstsq(fitted_to, text).solution.T
    return Heads(torch.eye(text.shape[1], dtype=text.dtype), image_head, torch.tensor(2.0).double())


def test_a_model_that_memorised_the_pairs_may_not_testify_and_one_that_did_not_may() -> None:
    one = planted(200, 0.2, num_validation=400, dim=120).inputs
    learned = replace(one, heads=tuned(one, one.image, one.text))
    assert not may_testify(learned)
    other = planted(400, 0.0, num_validation=1, dim=120).inputs
    untouched = replace(one, heads=tuned(one, other.image, other.text))
    assert may_testify(untouched)
    images, texts = torch.arange(200), torch.arange(200).roll(1)
    speaks = model_similarity(untouched, torch.arange(200))
    first = torch.nn.functional.normalize(one.image @ untouched.heads.image.T, dim=1)
    second = torch.nn.functional.normalize(one.text, dim=1)
    torch.testing.assert_close(speaks(images, texts), (first * second[texts]).sum(1))
    assert speaks(images, texts).std() > 0.01
    some = torch.tensor([7, 150, 3])
    places = torch.tensor([0, 2]), torch.tensor([1, 1])
    torch.testing.assert_close(model_similarity(untouched, some)(*places), speaks(some[places[0]], some[places[1]]))


def test_too_few_validation_pairs_cannot_tell() -> None:
    seeds = range(6)
    enough, few = ([planted(200, 0.2, num_validation=n, seed=seed).inputs for seed in seeds]
                   for n in (LEAST_VALIDATION, LEAST_VALIDATION - 1))  # fmt: skip
    assert any(may_testify(one) for one in enough)
    assert not any(may_testify(one) for one in [*few, planted(200).inputs])
