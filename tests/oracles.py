"""Brute force in float64: what every fast path of the engine is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.directional import HeadsFeatureMap
from engine.models.interface import Heads


@dataclass(frozen=True)
class Problem:
    """A small heads problem and its loss written out as a plain function of the flat parameters."""

    feature_map: HeadsFeatureMap
    segmentation: BatchSegmentation
    theta: Tensor
    """the studied parameters at θ̂, `[parameters]`"""
    loss: str = "clip"
    """a key of `BATCH_LOSSES`"""

    def logits(self, theta: Tensor, pairs: list[int]) -> Tensor:
        """Logits of some pairs, straight from the definition."""
        heads, parts = self.feature_map.heads, self.feature_map.subset.unflatten(theta[None])
        text = self.feature_map.text_inputs[pairs] @ parts["text_head"][0].T
        image = self.feature_map.image_inputs[pairs] @ parts["image_head"][0].T
        if heads.text_bias is not None:
            text = text + heads.text_bias
        if heads.image_bias is not None:
            image = image + heads.image_bias
        text = text / text.norm(dim=1, keepdim=True)
        image = image / image.norm(dim=1, keepdim=True)
        scale = parts["log_logit_scale"][0] if self.feature_map.log_logit_scale else heads.log_logit_scale
        logits = scale.exp() * text @ image.T
        if heads.logit_bias is None:
            return logits
        return logits + (parts["logit_bias"][0] if self.feature_map.log_logit_scale else heads.logit_bias)

    def batch_loss(self, theta: Tensor, pairs: list[int]) -> Tensor:
        """Sum of the pair losses of one batch, straight from the loss's definition."""
        return BATCH_LOSSES[self.loss](self.logits(theta, pairs))

    def removal_gradient(self, pair: int) -> Tensor:
        """∇[L(B) − L(B without the pair)], by autograd on both losses."""
        batch = next(b.tolist() for b in self.segmentation.batches if pair in b)
        theta = self.theta.clone().requires_grad_()
        removed = self.batch_loss(theta, batch) - self.batch_loss(theta, [p for p in batch if p != pair])
        return torch.autograd.grad(removed, theta)[0]

    def removal_gradients(self) -> Tensor:
        """`removal_gradient` of every pair, `[pairs, parameters]`."""
        return torch.stack([self.removal_gradient(pair) for pair in range(self.segmentation.num_pairs)])

    def dense_gauss_newton(self) -> Tensor:
        """Σ_m Jᵀ H_S J / n with dense J and H_S, `[parameters, parameters]`."""
        total = torch.zeros(len(self.theta), len(self.theta), dtype=torch.float64)
        for batch in (b.tolist() for b in self.segmentation.batches):
            size = len(batch)
            jacobian = torch.func.jacfwd(lambda t, b=batch: self.logits(t, b).reshape(-1))(self.theta)
            hessian = torch.func.hessian(lambda s, k=size: BATCH_LOSSES[self.loss](s.reshape(k, k)))(
                self.logits(self.theta, batch).reshape(-1)
            )
            total += jacobian.T @ hessian @ jacobian
        return total / self.segmentation.num_pairs


def clip_batch_loss(logits: Tensor) -> Tensor:
    """The CLIP batch loss as a function of the logits, by cross entropy both ways."""
    truth, entropy = torch.arange(len(logits)), torch.nn.functional.cross_entropy
    return 0.5 * (entropy(logits, truth, reduction="sum") + entropy(logits.T, truth, reduction="sum"))


def dcl_batch_loss(logits: Tensor) -> Tensor:
    """The decoupled loss, one anchor at a time: the log of the sum over the others, minus the match."""
    total = logits.new_zeros(())
    for i in range(len(logits)):
        others = [j for j in range(len(logits)) if j != i]
        total = total + 0.5 * (logits[i, others].exp().sum().log() + logits[others, i].exp().sum().log()) - logits[i, i]
    return total


def siglip_batch_loss(logits: Tensor) -> Tensor:
    """The sigmoid loss over all entries, as in the paper's pseudocode."""
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -torch.nn.functional.logsigmoid(signs * logits).sum()


BATCH_LOSSES = {"clip": clip_batch_loss, "dcl": dcl_batch_loss, "siglip": siglip_batch_loss}


def problem(
    num_pairs: int = 12,
    batch_sizes: tuple[int, ...] = (7, 5),
    seed: int = 0,
    scale: float = 5.0,
    log_logit_scale: bool = False,
    bias: bool = False,
    chunk_size: int = 256,
    loss: str = "clip",
) -> Problem:
    """A random problem: 3-dimensional embeddings of 5- and 4-dimensional inputs."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    heads = Heads(
        draw(3, 5),
        draw(3, 4),
        torch.tensor(scale, dtype=torch.float64).log(),
        draw(3) if bias else None,
        draw(3) if bias else None,
        torch.tensor(-2.0, dtype=torch.float64) if loss == "siglip" else None,
    )
    feature_map = HeadsFeatureMap(heads, draw(num_pairs, 5), draw(num_pairs, 4), log_logit_scale, chunk_size)
    order = torch.randperm(num_pairs, generator=generator).numpy()
    batches = tuple(np.split(order, np.cumsum(batch_sizes)[:-1]))
    parts = {
        "text_head": heads.text[None],
        "image_head": heads.image[None],
        "log_logit_scale": heads.log_logit_scale[None],
    }
    if heads.logit_bias is not None:
        parts["logit_bias"] = heads.logit_bias[None]
    theta = feature_map.subset.flatten({name: parts[name] for name in feature_map.subset.shapes})[0]
    return Problem(feature_map, BatchSegmentation(batches, num_pairs), theta, loss)
