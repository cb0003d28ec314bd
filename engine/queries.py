"""Queries: what influence is asked about. The validation loss, and single test predictions.

Each query has a loss [nats] that depends on θ through unit features; its gradient is the pullback of the
loss's derivative in those features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, vmap

from engine.batches import consecutive_batches
from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, Features, logit_cotangents, logits_of
from engine.objective import summed_loss


@dataclass(frozen=True)
class Classification:
    """Zero-shot predictions of some images; every field `[images]`."""

    predicted: Tensor
    """class index with the highest logit"""
    correct: Tensor
    """bool"""
    confidence: Tensor
    """softmax probability of the predicted class"""
    loss: Tensor
    """−log softmax of the true class, nats"""
    margin: Tensor
    """best wrong logit − true logit; > 0 means wrong"""


@dataclass(frozen=True)
class Retrieval:
    """Image → text retrieval within one batch of test pairs; every field `[pairs]`."""

    predicted: Tensor
    """position of the best text in the batch"""
    rank: Tensor
    """rank of the matching text, 1 = first"""
    confidence: Tensor
    """softmax probability of the retrieved text"""
    loss: Tensor
    """the pair's loss in the batch, nats"""
    margin: Tensor
    """best wrong logit − matching logit"""


def validation_loss(
    feature_map: FeatureMap, loss: ContrastiveLoss, num_pairs: int, batch_size: int
) -> tuple[Tensor, Tensor]:
    """Mean pair loss over consecutive batches in table order, and its gradient.

    Args:
        feature_map: features of the validation pairs.
        loss: the contrastive loss.
        num_pairs: validation pairs.
        batch_size: pairs per batch; a short last batch counts.

    Returns:
        The loss `[]`, nats per pair, and its gradient `[1, parameters]`.
    """
    total, gradient = summed_loss(feature_map, loss, consecutive_batches(num_pairs, batch_size))
    return total / num_pairs, gradient / num_pairs


def class_features(prompts: Tensor, num_templates: int) -> Tensor:
    """Unit class features `[classes, embed_dim]`: normalised mean over the prompts of each class."""
    mean = prompts.reshape(-1, num_templates, prompts.shape[-1]).mean(1)
    return mean / mean.norm(dim=-1, keepdim=True)


def class_logits(features: Features, num_templates: int) -> Tensor:
    """Logits of each class for each image, `[images, classes]`; the texts are prompts, class by class."""
    return features.log_logit_scale.exp() * features.image @ class_features(features.text, num_templates).T


def classify(features: Features, truth: Tensor, num_templates: int) -> Classification:
    """Zero-shot classification.

    Args:
        features: texts are prompts, class by class; images are to be classified.
        truth: true class index, `[images]`.
        num_templates: prompts per class.
    """
    logits = class_logits(features, num_templates)
    confidence, predicted = logits.softmax(1).max(1)
    loss = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
    right = logits.gather(1, truth[:, None]).squeeze(1)
    wrong = logits.scatter(1, truth[:, None], float("-inf")).max(1).values
    return Classification(predicted, predicted == truth, confidence, loss, wrong - right)


def classification_gradients(
    feature_map: FeatureMap, images: Tensor, truth: Tensor, num_prompts: int, num_templates: int
) -> Tensor:
    """Gradient of each image's zero-shot loss, `[images, parameters]`; prompts are differentiated through.

    Args:
        feature_map: texts are the prompts, images the test images.
        images: positions of the images asked about, `[images]`.
        truth: their true class index, `[images]`.
        num_prompts: classes × templates.
        num_templates: prompts per class.
    """
    prompts = torch.arange(num_prompts)
    features = feature_map.features(prompts, images)

    def loss_of(text: Tensor, image: Tensor, log_logit_scale: Tensor, label: Tensor) -> Tensor:
        logits = log_logit_scale.exp() * class_features(text, num_templates) @ image
        return torch.nn.functional.cross_entropy(logits[None], label[None])

    per_query = vmap(grad(loss_of, argnums=(0, 1, 2)), in_dims=(None, 0, None, 0))
    text, image, scale = per_query(features.text, features.image, features.log_logit_scale, truth)
    own_image = torch.diag_embed(image.T).permute(1, 2, 0)  # query q moves only image q
    return feature_map.pullback(prompts, images, Features(text, own_image, scale, torch.zeros_like(scale)))


def retrieve(features: Features, loss: ContrastiveLoss) -> Retrieval:
    """Image → text retrieval in one batch of matched pairs."""
    logits = logits_of(features)
    right = logits.diagonal()
    confidence, predicted = logits.softmax(0).max(0)
    rank = (logits > right).sum(0) + 1
    eye = torch.eye(len(right), dtype=torch.bool, device=logits.device)
    wrong = logits.masked_fill(eye, float("-inf")).max(0).values
    return Retrieval(predicted, rank, confidence, loss.pair_losses(logits), wrong - right)


def retrieval_gradients(feature_map: FeatureMap, loss: ContrastiveLoss, batch: Tensor, asked: Tensor) -> Tensor:
    """Gradient of the pair loss of the pairs `batch[asked]` within their batch, `[asked, parameters]`."""
    features = feature_map.features(batch, batch)

    def loss_of(logits: Tensor, position: Tensor) -> Tensor:
        losses = loss.pair_losses(logits)
        return losses.gather(0, position[None]).squeeze(0)

    per_query = vmap(grad(loss_of), in_dims=(None, 0))(logits_of(features), asked)
    return feature_map.pullback(batch, batch, logit_cotangents(features, per_query))
