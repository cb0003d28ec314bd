"""The direct ways that the engine is compared with: one gradient per pair, by plain autograd."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.contrastive import ClipLoss
from engine.directional import EncoderTowers, HeadsFeatureMap
from engine.directional.encoders import embed

LOSS = ClipLoss()


def gradients_pair_by_pair(towers: EncoderTowers, batch: Tensor, num_pairs: int, shared: bool) -> Tensor:
    """∇[L(B) − L(B without n)] of the first pairs of a batch, each by a backward pass.

    Args:
        towers: the model.
        batch: its pairs.
        num_pairs: how many are removed, one after the other.
        shared: whether one forward pass of the batch serves all of them.

    Returns:
        `[num_pairs, parameters]`.
    """
    leaves, logits = _leaves_and_logits(towers, batch)
    rows, once = [], logits() if shared else None
    for number in range(num_pairs):
        found = logits() if once is None else once
        rest = torch.arange(len(batch), device=found.device) != number
        removed = LOSS.pair_losses(found).sum() - LOSS.pair_losses(found[rest][:, rest]).sum()
        grads = torch.autograd.grad(removed, list(leaves.values()), retain_graph=shared)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    return torch.stack(rows)


def loss_gradients(towers: EncoderTowers, batch: Tensor, apart: bool) -> Tensor:
    """Gradients of the batch loss, by one backward pass, or of every pair's own loss in it, by one each.

    Args:
        towers: the model.
        batch: its pairs.
        apart: every pair's own.

    Returns:
        `[1 or pairs, parameters]`.
    """
    leaves, logits = _leaves_and_logits(towers, batch)
    losses = LOSS.pair_losses(logits())
    rows = []
    for loss in losses if apart else losses.sum()[None]:
        grads = torch.autograd.grad(loss, list(leaves.values()), retain_graph=apart)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    return torch.stack(rows)


def gauss_newton_rows(towers: EncoderTowers, batch: Tensor) -> Tensor:
    """A with AᵀA = Jᵀ H J of one batch: its logits' Jacobian, one backward pass per logit, times the root of H.

    Args:
        towers: the model.
        batch: its pairs.

    Returns:
        `[pairs², parameters]`.
    """
    leaves, logits = _leaves_and_logits(towers, batch)
    found, rows = logits(), []
    for logit in found.flatten():
        grads = torch.autograd.grad(logit, list(leaves.values()), retain_graph=True)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    shape = found.shape
    curved = torch.func.hessian(lambda flat: LOSS.pair_losses(flat.reshape(shape)).sum())(found.detach().flatten())
    values, vectors = torch.linalg.eigh(curved)
    return values.clamp(min=0).sqrt()[:, None] * (vectors.T @ torch.stack(rows))


def _leaves_and_logits(towers: EncoderTowers, batch: Tensor) -> tuple[dict[str, Tensor], Callable[[], Tensor]]:
    """The studied parameters with gradients, and the logits of a batch as plain autograd sees them."""
    leaves = {name: part.detach().requires_grad_() for name, part in towers.parameters.items()}
    scale = towers.temperature["log_logit_scale"].exp()

    def logits() -> Tensor:
        features = {}
        for kind in ("text", "image"):
            _, inputs = next(towers.inputs.chunks(kind, batch, len(batch)))
            features[kind] = embed(towers.inputs.encoder, towers.parametrization, kind, inputs, leaves)
        return scale * features["text"] @ features["image"].T

    return leaves, logits


def datainf_pair_by_pair(feature_map: HeadsFeatureMap, batch: Tensor, query: Tensor) -> Tensor:
    """DataInf on one batch as its formula says: a gradient per pair, all of them kept, `[1, parameters]`."""
    heads = feature_map.heads
    leaves = [heads.text.detach().requires_grad_(), heads.image.detach().requires_grad_()]
    text = torch.nn.functional.normalize(feature_map.text_inputs[batch] @ leaves[0].T)
    image = torch.nn.functional.normalize(feature_map.image_inputs[batch] @ leaves[1].T)
    losses = LOSS.pair_losses(heads.log_logit_scale.exp() * text @ image.T)
    grads = [torch.autograd.grad(loss, leaves, retain_graph=True) for loss in losses]
    parts, offset = [], 0
    for tensor, leaf in enumerate(leaves):
        rows = torch.stack([grad[tensor].flatten() for grad in grads])
        asked = query[:, offset : offset + leaf.numel()]
        offset += leaf.numel()
        damping = 0.1 * rows.square().mean()
        weights = (rows @ asked.T) / (damping + rows.square().sum(1, keepdim=True))
        parts.append((asked - weights.T @ rows / len(batch)) / damping)
    return torch.cat(parts, 1)
