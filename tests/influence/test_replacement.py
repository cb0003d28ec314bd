"""Effects of other captions against autograd through the whole batch with the caption replaced."""

from dataclasses import replace

import pytest
import torch
from oracles import problem

from engine.contrastive import LOSSES
from engine.influence.replacement import replacement_effects
from engine.influence.scores import role_scores


@pytest.mark.parametrize("scale", [5.0, 60.0])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("log_logit_scale", [False, True])
def test_the_effect_of_another_caption_is_the_difference_of_two_exact_removal_gradients(
    loss: str, log_logit_scale: bool, scale: float
) -> None:
    one = problem(loss=loss, log_logit_scale=log_logit_scale, scale=scale)
    generator = torch.Generator().manual_seed(5)
    direction = torch.randn(1, len(one.theta), generator=generator, dtype=torch.float64)
    captions = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    texts, none = replace(one.feature_map, text_inputs=captions), torch.arange(0)
    everything = torch.arange(6)
    pairs, candidates = torch.tensor([8, 1, 5]), torch.tensor([[0, 1], [2, 3], [4, 5]])
    found = replacement_effects(
        one.feature_map, LOSSES[loss], one.segmentation, direction, pairs,
        texts.features(everything, none).text, texts.tangents(everything, none, direction).text[0], candidates,
    )  # fmt: skip
    expected = torch.empty_like(found)
    for row, pair in enumerate(pairs.tolist()):
        for column, caption in enumerate(candidates[row].tolist()):
            inputs = one.feature_map.text_inputs.clone()
            inputs[pair] = captions[caption]
            other = replace(one, feature_map=replace(one.feature_map, text_inputs=inputs))
            expected[row, column] = (one.removal_gradient(pair) - other.removal_gradient(pair)) @ direction[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    assert expected.abs().min() > 1e-6 and (expected > 0).any() and (expected < 0).any()


def test_a_pair_that_keeps_its_caption_changes_nothing_and_one_in_no_batch_is_unknown() -> None:
    one = problem()
    direction = torch.randn(1, len(one.theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    everyone, batches = torch.arange(12), replace(one.segmentation, batches=one.segmentation.batches[:1])
    text = one.feature_map.features(everyone, everyone).text
    moved = one.feature_map.tangents(everyone, everyone, direction).text[0]
    found = replacement_effects(
        one.feature_map, LOSSES["clip"], batches, direction, everyone, text, moved, everyone[:, None]
    )[:, 0]
    known = torch.isin(everyone, torch.as_tensor(batches.batches[0]))
    assert found[known].abs().max() < 1e-12 and found[~known].isnan().all() and 0 < known.sum() < 12
    assert role_scores(one.feature_map, LOSSES["clip"], batches, direction).both[0][known].abs().min() > 1e-6
