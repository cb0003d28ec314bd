"""Query losses and their gradients against autograd on the definition, in float64."""

import torch
from oracles import Problem, problem

from engine.contrastive import ClipLoss
from engine.queries import (
    classification_gradients,
    classify,
    retrieval_gradients,
    retrieve,
    validation_loss,
)

LOSS = ClipLoss()
NUM_CLASSES, NUM_TEMPLATES = 3, 2


def gradient_of(one: Problem, value) -> torch.Tensor:
    theta = one.theta.clone().requires_grad_()
    return torch.autograd.grad(value(theta), theta)[0]


def test_the_validation_loss_is_the_mean_pair_loss_and_a_short_last_batch_counts() -> None:
    one = problem(num_pairs=11, batch_sizes=(11,), log_logit_scale=True)
    batches = [list(range(0, 4)), list(range(4, 8)), list(range(8, 11))]

    def mean(theta: torch.Tensor) -> torch.Tensor:
        return sum(one.batch_loss(theta, b) for b in batches) / 11

    value, gradient = validation_loss(one.feature_map, LOSS, 11, 4)
    torch.testing.assert_close(value, mean(one.theta))
    torch.testing.assert_close(gradient[0], gradient_of(one, mean))


def class_logits(one: Problem, theta: torch.Tensor, image: int) -> torch.Tensor:
    """The texts 0 … 5 are the prompts of three classes, two templates each."""
    parts, inputs = one.feature_map.subset.unflatten(theta[None]), one.feature_map
    unit = torch.nn.functional.normalize
    prompts = unit(inputs.text_inputs[: NUM_CLASSES * NUM_TEMPLATES] @ parts["text_head"][0].T, dim=1)
    classes = unit(torch.stack([prompts[2 * c : 2 * c + 2].mean(0) for c in range(NUM_CLASSES)]), dim=1)
    shown = unit(inputs.image_inputs[image] @ parts["image_head"][0].T, dim=0)
    return parts["log_logit_scale"][0].exp() * classes @ shown


def test_classification_differentiates_through_the_prompt_ensemble() -> None:
    one = problem(log_logit_scale=True)
    images, truth = torch.tensor([3, 9]), torch.tensor([0, 2])
    found = classification_gradients(one.feature_map, images, truth, NUM_CLASSES * NUM_TEMPLATES, NUM_TEMPLATES)
    for row, (image, label) in enumerate(zip(images.tolist(), truth.tolist(), strict=True)):
        expected = gradient_of(one, lambda theta, i=image, c=label: -class_logits(one, theta, i).log_softmax(0)[c])
        torch.testing.assert_close(found[row], expected)


def test_classification_reports_loss_confidence_and_margin_of_the_definition() -> None:
    one = problem(log_logit_scale=True)
    images, truth = torch.tensor([3, 9]), torch.tensor([0, 2])
    prompts = torch.arange(NUM_CLASSES * NUM_TEMPLATES)
    found = classify(one.feature_map.features(prompts, images), truth, NUM_TEMPLATES)
    for row in range(2):
        logits = class_logits(one, one.theta, int(images[row]))
        wrong = torch.cat([logits[: truth[row]], logits[truth[row] + 1 :]]).max()
        torch.testing.assert_close(found.loss[row], -logits.log_softmax(0)[truth[row]])
        torch.testing.assert_close(found.confidence[row], logits.softmax(0).max())
        torch.testing.assert_close(found.margin[row], wrong - logits[truth[row]])
        assert bool(found.correct[row]) is bool(found.margin[row] < 0)


def test_retrieval_gradients_are_those_of_the_pair_loss_within_its_batch() -> None:
    one = problem(log_logit_scale=True)
    batch, asked = torch.tensor([1, 4, 6, 8, 11]), torch.tensor([0, 3])
    found = retrieval_gradients(one.feature_map, LOSS, batch, asked)
    for row, position in enumerate(asked.tolist()):
        expected = gradient_of(one, lambda theta, p=position: LOSS.pair_losses(one.logits(theta, batch.tolist()))[p])
        torch.testing.assert_close(found[row], expected)


def test_retrieval_ranks_the_matching_text_among_the_batch() -> None:
    one = problem()
    batch = torch.arange(12)
    found = retrieve(one.feature_map.features(batch, batch), LOSS)
    logits = one.logits(one.theta, batch.tolist())
    for image in range(12):
        order = logits[:, image].argsort(descending=True).tolist()
        assert int(found.predicted[image]) == order[0]
        assert int(found.rank[image]) == order.index(image) + 1
        assert (float(found.margin[image]) > 0) == (order[0] != image)
